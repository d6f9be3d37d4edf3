//  Searching below a folder: names by the store itself, contents by the service "search" where somebody runs it.
import { bus, get, pages } from "./api.js";
import { itemOfStat, itemsOf, isHidden } from "./folder.js";

const MAX = 500;
const CONTENTS_MAX = 50;

let offered = null;  //  Promise: is there a service "search"?

const hasContents = () => offered ??= get("/services").then(({ services }) => services.some(one => one.name === "search" && one.workers > 0), () => false);

//  Gives arrays of items, as they are found.
export async function* find(path, text, signal) {
	let found = 0;
	for await (const page of pages("/find", { path, text }, signal, [MAX, MAX])) {
		const items = itemsOf(page).filter(item => !isHidden(item.path));
		yield items;
		if ((found += items.length) >= MAX)
			break;
	}
	if (await hasContents()) {
		const { results } = await bus("search", "SEARCH", { query: text, path, limit: CONTENTS_MAX }, signal);
		yield results.filter(({ path }) => !isHidden(path)).map(result => ({ ...itemOfStat(result), snippet: result.snippet }));
	}
}
