//  What was deleted, and the way back.
import { del, pages, post } from "./api.js";
import { each } from "./actions.js";
import { pathForPeople } from "./crumbs.js";
import { complain, confirm, toast } from "./dialog.js";
import { h, button } from "./dom.js";
import { baseOf, parentOf } from "./format.js";
import { drawTools, openList, placedColumns } from "./rows.js";
import { go, link } from "./router.js";
import { T } from "./text.js";

const t = T.trash;
const where = item => pathForPeople(parentOf(item.path));

export function openTrash(main) {
	const tools = h("div.tools", { role: "group", "aria-label": T.files.actions });
	const lead = h("p.muted.lead");

	async function load() {
		const items = [];
		for await (const page of pages("/trash", { limit: 1000 })) {
			page.ids.forEach((id, n) => items.push({ key: String(id), id, path: page.paths[n], name: baseOf(page.paths[n]), trashed: true,
				kind: page.kinds[n] === "d" ? "folder" : "file", size: page.sizes[n], modified: page.trashed_ms[n] }));
			lead.textContent = t.lead(Math.round(page.keep_ms / 86400000));
		}
		return items;
	}

	function changed() {
		const { list } = view;
		drawTools(tools, list, [
			{ label: t.restore, icon: "restore", action: () => restore(list.chosen()) },
			{ label: t.forever, icon: "trash", danger: true, action: () => forever(list.chosen()) },
		], `${list.items.length > 0}`, () => list.items.length
			? [lead, h("span.grow"), button(t.empty, { class: "danger", onclick: () => forever(null) }, "trash")] : []);
	}

	async function restore(items) {
		const restored = await each(items, item => post("/restore", { trash: item.id }));
		if (restored.length === 1)
			toast(t.restored(pathForPeople(restored[0].path)), { label: t.show, action: () => go(link("files", parentOf(restored[0].path))) });
		else if (restored.length)
			toast(T.files.restored(restored.length));
		await view.reload();
	}

	//  null: all that is there
	async function forever(items) {
		const count = (items ?? view.list.items).length;
		if (!count || !await confirm({ title: t.foreverTitle(count), sentence: t.foreverLead, action: t.forever, danger: true }))
			return;
		try {
			for (let more = true; more;)
				({ more } = await del("/trash", items ? { ids: items.map(item => item.id) } : {}));
			toast(t.emptied(count));
		}
		catch (error) {
			complain(error);
		}
		await view.reload();
	}

	const view = openList(main, {
		text: T.trash, picture: "trash", load, tools, changed, where, href: () => "#/trash", columns: placedColumns(where),
		heads: [["name", T.list.name], ["where", t.from], ["modified", t.deleted], ["size", T.list.size], ["more", T.list.actions]],
		actions: item => button(t.restore, { class: "quiet", "aria-label": `${t.restore}: ${item.name}`, onclick: () => restore([item]) }, "restore"),
		open: item => restore([item]), keys: { Delete: () => forever(view.list.pointed()) },
	});
	return view;
}
