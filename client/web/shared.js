//  What others share with this person.
import { pages, post } from "./api.js";
import * as actions from "./actions.js";
import { complain } from "./dialog.js";
import { itemsOf } from "./folder.js";
import { openMenu } from "./menu.js";
import { openEntry, openList, placedColumns } from "./rows.js";
import { T } from "./text.js";

export function openShared(main) {
	const menu = (item, place) => openMenu([
		actions.openCommand(item),
		actions.downloadCommand(() => [item]),
		null,
		{ label: T.shared.leave, icon: "close", danger: true, action: () => post("/unshare", { path: item.path }).then(view.reload, complain) },
	], T.list.more(item.name), place);
	const where = item => item.owner;

	async function load() {
		const items = [];
		for await (const page of pages("/shared", { limit: 1000 }))
			items.push(...itemsOf(page).map((item, n) => ({ ...item, rights: page.rights[n] === "w" ? "write" : "read" })));
		return items;
	}

	const view = openList(main, {
		text: T.shared, picture: "share", load, menu, where, open: openEntry, columns: placedColumns(where, ["modified", item => T.share[item.rights]]),
		heads: [["name", T.list.name], ["where", T.list.owner], ["modified", T.shared.rights], ["size", T.list.size], ["more", T.list.actions]],
	});
	return view;
}
