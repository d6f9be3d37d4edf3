//  Choosing a folder of the store in a dialog: where to move or copy to, for those who do not drag.
import { makeFolder } from "./actions.js";
import { get } from "./api.js";
import { crumbsOf } from "./crumbs.js";
import { ask, openDialog } from "./dialog.js";
import { h, button, icon, put } from "./dom.js";
import { badName, compareNames, isInside, join, parentOf } from "./format.js";
import { T } from "./text.js";

//  Resolves to the path of a folder, or to null. "without": entries that cannot be put into themselves.
export function chooseFolder(start, { title, action, without = [] }) {
	return new Promise(resolve => {
		const crumbs = h("nav.crumbs.small", { "aria-label": T.files.path });
		const list = h("ul.folders", { "aria-label": T.files.chooseFolder });
		let at = start, chosen = null;
		const accept = button(action, { class: "primary", onclick: () => {
			chosen = at;
			dialog.close();
		} });
		const dialog = openDialog({
			title, body: [crumbs, list], kind: "picker", onclose: () => resolve(chosen),
			actions: [button(T.files.newFolder, { class: "left", onclick: make }, "folder-add"), button(T.cancel, { onclick: () => dialog.close() }), accept],
		});
		const row = (name, shape, path) => h("li", h("button", { type: "button", onclick: () => show(path) },
			icon(shape, "kind folder"), h("span", name), shape === "folder" && icon("right")));

		function make() {
			ask({ title: T.files.newFolder, label: T.files.folderName, action: T.files.create, check: name => badName(name.trim()), commit: async name => {
				await makeFolder(join(at, name.trim()));
				show(join(at, name.trim()));
			} });
		}

		async function show(path) {
			at = path;
			const trail = crumbsOf(path);
			put(crumbs, h("ol", trail.map((crumb, n) => h("li", h("button", { type: "button", class: "link", "aria-current": n === trail.length - 1 ? "page" : null,
				onclick: () => show(crumb.path) }, crumb.name), n < trail.length - 1 && icon("right")))));
			accept.disabled = without.some(thing => isInside(path, thing.path) || parentOf(thing.path) === path);
			try {
				const names = await foldersIn(path);
				if (at !== path)
					return;
				put(list, trail.length > 1 ? row(T.files.up, "up", trail.at(-2).path) : null,
					names.map(name => row(name, "folder", join(path, name))), names.length ? null : h("li.muted.none", T.files.noFolders));
				(list.querySelector("button") ?? accept).focus();
			}
			catch (error) {
				dialog.fail(error);
			}
		}
		show(start);
	});
}

async function foldersIn(path) {
	const names = [];
	for (let after, more = true; more;) {
		const page = await get("/entries", { path, after, limit: 10000 });
		names.push(...page.names.filter((_, n) => page.kinds[n] === "d"));
		after = page.names.at(-1);
		more = page.more && page.names.length > 0;
	}
	return names.sort(compareNames);
}
