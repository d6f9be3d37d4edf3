//  What others share with this person.
import { get, post } from "./api.js";
import * as actions from "./actions.js";
import { complain } from "./dialog.js";
import { h, icon, put, throttle } from "./dom.js";
import { on } from "./events.js";
import { itemsOf } from "./folder.js";
import { size } from "./format.js";
import { List } from "./list.js";
import { openMenu } from "./menu.js";
import { entryRow, head } from "./rows.js";
import { go, link } from "./router.js";
import { T } from "./text.js";

const COLUMNS = [
	["where", item => item.owner],
	["modified", item => T.share[item.rights]],
	["size", item => item.kind === "folder" ? T.list.noSize : size(item.size)],
];

export function openShared(main) {
	document.title = T.title(T.shared.title);
	const empty = h("div.empty", { hidden: true }, icon("share", "huge"), h("h2", T.shared.emptyTitle), h("p.muted", T.shared.emptyLead));
	const { element } = head([["name", T.list.name], ["where", T.list.owner], ["modified", T.shared.rights], ["size", T.list.size], ["more", T.list.actions]], null, null,
		all => all ? list.all() : list.clear());
	const open = item => go(link(item.kind === "folder" ? "files" : "view", item.path));
	const menu = (item, place) => openMenu([
		{ label: item.kind === "folder" ? T.files.open : T.files.preview, icon: "eye", action: () => open(item) },
		{ label: item.kind === "folder" ? T.files.downloadZip : T.files.download, icon: "download", action: () => actions.download([item]) },
		null,
		{ label: T.shared.leave, icon: "close", danger: true, action: () => post("/unshare", { path: item.path }).then(load, complain) },
	], T.list.more(item.name), place);
	const list = new List({
		label: T.shared.label, scroller: main, header: element, open, menu,
		row: item => entryRow(item, false, { href: one => link(one.kind === "folder" ? "files" : "view", one.path), columns: COLUMNS, menu, where: one => one.owner }),
	});

	async function load() {
		try {
			const items = [];
			let reply;
			do {
				reply = await get("/shared", { after: reply?.next, limit: 1000 });
				items.push(...itemsOf(reply).map((item, n) => ({ ...item, rights: reply.rights[n] === "w" ? "write" : "read" })));
			} while (reply.more);
			list.setItems(items);
			list.element.classList.toggle("blank", !items.length);
			empty.hidden = items.length > 0;
		}
		catch (error) {
			complain(error);
		}
	}

	list.element.classList.add("wide-list");
	put(main, h("header.bar", h("h1", { tabindex: -1 }, T.shared.title)), list.element, empty);
	const off = on("file.", throttle(500, load));
	load();
	return { close: off };
}
