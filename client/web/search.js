//  Searching below a folder, by names.
import { pages } from "./api.js";
import { itemsOf, isHidden } from "./folder.js";

const MAX = 500;

//  Gives arrays of items, as they are found.
export async function* find(path, text, signal) {
	let found = 0;
	for await (const page of pages("/find", { path, text }, signal, [MAX, MAX])) {
		const items = itemsOf(page).filter(item => !isHidden(item.path));
		yield items;
		if ((found += items.length) >= MAX)
			break;
	}
}
