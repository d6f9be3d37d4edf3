//  What was deleted, and the way back.
import { del, get, post } from "./api.js";
import { each } from "./actions.js";
import { pathForPeople } from "./crumbs.js";
import { complain, confirm, toast } from "./dialog.js";
import { h, button, icon, put, throttle, tool } from "./dom.js";
import { on } from "./events.js";
import { baseOf, exactly, parentOf, size, when } from "./format.js";
import { List } from "./list.js";
import { entryRow, head } from "./rows.js";
import { go, link } from "./router.js";
import { T } from "./text.js";

const COLUMNS = [
	["where", item => pathForPeople(parentOf(item.path))],
	["modified", item => when(item.modified), item => exactly(item.modified)],
	["size", item => item.kind === "folder" ? T.list.noSize : size(item.size)],
];

export function openTrash(main) {
	document.title = T.title(T.trash.title);
	let closed = false;
	const tools = h("div.tools", { role: "group", "aria-label": T.files.actions });
	const lead = h("p.muted.lead");
	const empty = h("div.empty", { hidden: true }, icon("trash", "huge"), h("h2", T.trash.emptyTitle), h("p.muted", T.trash.emptyLead));
	const { box, element } = head([["name", T.list.name], ["where", T.trash.from], ["modified", T.trash.deleted], ["size", T.list.size], ["more", T.list.actions]],
		null, null, all => all ? list.all() : list.clear());
	const list = new List({
		label: T.trash.label, scroller: main, header: element,
		row: item => entryRow(item, false, { href: () => "#/trash", columns: COLUMNS, menu: null, where: one => pathForPeople(parentOf(one.path)),
			actions: one => button(T.trash.restore, { class: "quiet", "aria-label": `${T.trash.restore}: ${one.name}`, onclick: () => restore([one]) }, "restore") }),
		open: item => restore([item]), changed: drawTools, keys: { Delete: () => forever(chosen()) },
	});
	const chosen = () => list.chosen.length ? list.chosen : [list.item(list.active)].filter(Boolean);

	async function load() {
		try {
			const items = [];
			let reply;
			do {
				reply = await get("/trash", { after: reply?.next, limit: 1000 });
				reply.ids.forEach((id, n) => items.push({ key: String(id), id, path: reply.paths[n], name: baseOf(reply.paths[n]), trashed: true,
					kind: reply.kinds[n] === "d" ? "folder" : "file", size: reply.sizes[n], modified: reply.trashed_ms[n] }));
			} while (reply.more);
			if (closed)
				return;
			lead.textContent = T.trash.lead(Math.round(reply.keep_ms / 86400000));
			list.setItems(items);
			list.element.classList.toggle("blank", !items.length);
			empty.hidden = items.length > 0;
			lead.hidden = !items.length;
			drawTools();
		}
		catch (error) {
			complain(error);
		}
	}

	function drawTools() {
		const some = list.chosen;
		list.element.classList.toggle("choosing", some.length > 0);
		box.checked = some.length > 0 && some.length === list.items.length;
		box.indeterminate = some.length > 0 && !box.checked;
		tools.classList.toggle("chosen", some.length > 0);
		put(tools, some.length ? [
			tool(T.list.clear, "close", () => (list.clear(), list.focus())),
			h("p.counter", { role: "status" }, T.list.selected(some.length)),
			button(T.trash.restore, { class: "quiet", onclick: () => restore(list.chosen) }, "restore"),
			button(T.trash.forever, { class: "quiet danger", onclick: () => forever(list.chosen) }, "trash"),
		] : list.items.length ? [lead, h("span.grow"), button(T.trash.empty, { class: "danger", onclick: () => forever(null) }, "trash")] : []);
	}

	async function restore(items) {
		const restored = await each(items, item => post("/restore", { trash: item.id }));
		if (restored.length === 1)
			toast(T.trash.restored(pathForPeople(restored[0].path)), { label: T.trash.show, action: () => go(link("files", parentOf(restored[0].path))) });
		else if (restored.length)
			toast(T.files.restored(restored.length));
		await load();
	}

	//  null: all that is there
	async function forever(items) {
		const count = (items ?? list.items).length;
		if (!count || !await confirm({ title: T.trash.foreverTitle(count), sentence: T.trash.foreverLead, action: T.trash.forever, danger: true }))
			return;
		try {
			for (let more = true; more;)
				({ more } = await del("/trash", items ? { ids: items.map(item => item.id) } : {}));
			toast(T.trash.emptied(count));
		}
		catch (error) {
			complain(error);
		}
		await load();
	}

	list.element.classList.add("wide-list");
	put(main, h("header.bar", h("h1", { tabindex: -1 }, T.trash.title)), tools, list.element, empty);
	const reload = throttle(500, load), offs = [on("file.", reload), on("gap", reload)];
	load();
	return { close() {
		closed = true;
		offs.forEach(off => off());
	} };
}
