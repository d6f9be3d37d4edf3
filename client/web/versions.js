//  The versions of a file.
import { fileUrl, pages, post } from "./api.js";
import { openDialog, toast } from "./dialog.js";
import { h, button, icon, put } from "./dom.js";
import { exactly, size, when } from "./format.js";
import { T } from "./text.js";

const t = T.versions;

export function openVersions(item) {
	const list = h("ol.cards", h("li.muted", T.loading));
	const dialog = openDialog({ title: t.title(item.name), body: list });

	async function load() {
		try {
			const rows = [];
			for await (const page of pages("/versions", { path: item.path }))
				rows.push(...page.versions.map(version => row(version, version.version === page.current)));
			put(list, rows);
		}
		catch (error) {
			put(list);
			dialog.fail(error);
		}
	}

	function row(version, current) {
		return h("li", h("div.grow", h("strong", { title: exactly(version.modified_ms) }, when(version.modified_ms)),
			h("span.muted", `${t.number(version.version)} · ${size(version.size)} · ${t.stored(when(version.stored_ms))}`)),
		current && h("span.badge", t.current),
		!current && button(t.restore, { "aria-label": t.restoreNamed(version.version), onclick: async () => {
			try {
				await post("/versions/restore", { path: item.path, version: version.version });
				toast(t.restored);
				await load();
				list.querySelector("a, button")?.focus();
			}
			catch (error) {
				dialog.fail(error);
			}
		} }, "history"),
		h("a.button.quiet", { href: fileUrl(item.path, { version: version.version, download: true }), download: item.name,
			"aria-label": t.download(version.version), title: t.download(version.version) }, icon("download")));
	}

	load();
}
