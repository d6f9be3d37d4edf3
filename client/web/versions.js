//  The versions of a file: look at an older one, or make it the current one again.
import { fileUrl, get, post } from "./api.js";
import { openDialog, toast } from "./dialog.js";
import { h, button, icon, put } from "./dom.js";
import { exactly, size, when } from "./format.js";
import { T } from "./text.js";

export function openVersions(item) {
	const list = h("ol.versions", h("li.muted", T.loading));
	const dialog = openDialog({ title: T.versions.title(item.name), body: list });

	async function load() {
		try {
			const versions = [];
			let reply;
			do {
				reply = await get("/versions", { path: item.path, after: versions.at(-1)?.version });
				versions.push(...reply.versions);
			} while (reply.more && reply.versions.length);
			put(list, versions.map(version => row(version, version.version === reply.current)));
		}
		catch (error) {
			put(list);
			dialog.fail(error);
		}
	}

	function row(version, current) {
		return h("li", h("div.grow", h("strong", { title: exactly(version.modified_ms) }, when(version.modified_ms)),
			h("span.muted", `${T.versions.number(version.version)} · ${size(version.size)} · ${T.versions.stored(when(version.stored_ms))}`)),
		current && h("span.badge", T.versions.current),
		!current && button(T.versions.restore, { "aria-label": T.versions.restoreNamed(version.version), onclick: async () => {
			try {
				await post("/versions/restore", { path: item.path, version: version.version });
				toast(T.versions.restored);
				await load();
				list.querySelector("a, button")?.focus();
			}
			catch (error) {
				dialog.fail(error);
			}
		} }, "history"),
		h("a.button.quiet", { href: fileUrl(item.path, { version: version.version, download: true }), download: item.name,
			"aria-label": T.versions.download(version.version), title: T.versions.download(version.version) }, icon("download")));
	}

	load();
}
