//  Choosing a folder in a dialog, for those who do not drag.
import { makeFolder } from "./actions.js";
import { pages } from "./api.js";
import { crumbsOf } from "./crumbs.js";
import { ask, openDialog } from "./dialog.js";
import { h, button, icon, put } from "./dom.js";
import { isHidden } from "./folder.js";
import { badName, compareNames, isInside, join, parentOf } from "./format.js";
import { T } from "./text.js";

const t = T.files;

//  Resolves to the path of a folder, or to null. "without": entries that cannot be put into themselves.
export function chooseFolder(start, { title, action, without = [] }) {
	return new Promise(resolve => {
		const crumbs = h("nav.crumbs.small", { "aria-label": t.path });
		const list = h("ul.folders", { "aria-label": t.chooseFolder });
		let at = start, chosen = null;
		const accept = button(action, { class: "primary", onclick: () => {
			chosen = at;
			dialog.close();
		} });
		const dialog = openDialog({
			title, body: [crumbs, list], kind: "picker", onclose: () => resolve(chosen),
			actions: [button(t.newFolder, { class: "left", onclick: make }, "folder-add"), button(T.cancel, { onclick: () => dialog.close() }), accept],
		});
		const row = (name, shape, path) => h("li", h("button", { onclick: () => show(path) },
			icon(shape, "kind folder"), h("span", name), shape === "folder" && icon("right")));

		function make() {
			ask({ title: t.newFolder, label: t.folderName, action: t.create, check: badName, commit: async name => {
				await makeFolder(join(at, name));
				show(join(at, name));
			} });
		}

		async function show(path) {
			at = path;
			const trail = crumbsOf(path);
			put(crumbs, h("ol", trail.map((crumb, n) => h("li", h("button", { class: "link", "aria-current": n === trail.length - 1 ? "page" : null,
				onclick: () => show(crumb.path) }, crumb.name), n < trail.length - 1 && icon("right")))));
			accept.disabled = without.some(thing => isInside(path, thing.path) || parentOf(thing.path) === path);
			try {
				const names = await foldersIn(path);
				if (at !== path)
					return;
				put(list, trail.length > 1 ? row(t.up, "up", trail.at(-2).path) : null,
					names.map(name => row(name, "folder", join(path, name))), names.length ? null : h("li.muted.none", t.noFolders));
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
	for await (const page of pages("/entries", { path, limit: 10000 }))
		names.push(...page.names.filter((name, n) => page.kinds[n] === "d" && !isHidden(name)));
	return names.sort(compareNames);
}
