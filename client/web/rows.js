//  How an entry of the store looks in a list: the same in files, search, trash and what is shared.
import { fileUrl } from "./api.js";
import { complain } from "./dialog.js";
import { h, button, icon, menuTool, put, throttle, tool, words } from "./dom.js";
import { on } from "./events.js";
import { exactly, extensionOf, kindOf, size, when } from "./format.js";
import { listOf } from "./list.js";
import { go, link } from "./router.js";
import { T } from "./text.js";

const THUMBNAIL_BYTES = 4 << 20;  //  Larger pictures are not fetched for a tile

const cell = (kind, ...children) => h("div", { role: "gridcell", class: kind }, children);

//  Where an entry is looked at.
export const hrefOf = item => link(item.kind === "folder" ? "files" : "view", item.path);
export const openEntry = item => go(hrefOf(item));

//  Columns: [[class, item => text, item => title]]
const SIZE = ["size", item => item.kind === "folder" ? T.list.noSize : size(item.size)];
const MODIFIED = ["modified", item => item.modified ? when(item.modified) : "", item => item.modified ? exactly(item.modified) : ""];
export const FILE_COLUMNS = [MODIFIED, SIZE];
export const placedColumns = (where, modified = MODIFIED) => [["where", where], modified, SIZE];

//  options: columns, href (item), menu (item, place), where (item): text below the name, actions (item): buttons
export function entryRow(item, tiles, { href = hrefOf, menu, where, columns, actions }) {
	const below = where?.(item);
	return [
		cell("pick", h("label", h("input", { type: "checkbox", "aria-label": T.list.choose(item.name) })), picture(item, tiles)),
		cell("name", h("a", { href: href(item), draggable: false, title: item.name, "aria-label": item.name }, tiles ? item.name : nameParts(item.name)),
			h("span", { class: below ? "below place" : "below" }, below || [when(item.modified), item.kind === "folder" ? "" : ` · ${size(item.size)}`])),
		tiles ? null : columns.map(([kind, text, title]) => cell(kind, h("span", { title: title?.(item) }, text(item)))),
		actions && cell("actions", actions(item)),
		menu && cell("more", menuTool(T.list.more(item.name), event => menu(item, { anchor: event.currentTarget }))),
	];
}

//  The end of a name tells most ("… final 2.docx"), so when room is short the middle goes.
function nameParts(name) {
	const letters = [...name];
	if (letters.length < 20)
		return h("span.stem", name);
	return [h("span.stem", letters.slice(0, -9).join("")), h("span.tail", letters.slice(-9).join(""))];
}

function picture(item, tiles) {
	const kind = kindOf(item);
	const source = item.thumbnail ? fileUrl(item.thumbnail)
		: kind === "image" && item.size <= THUMBNAIL_BYTES && item.id !== undefined && !item.trashed && `${fileUrl(item.path)}?v=${item.modified}`;
	if (tiles && source)
		return h("img.thumbnail", { alt: "", loading: "lazy", decoding: "async", draggable: false, src: source,
			onerror: event => event.target.replaceWith(icon("image", "kind image")) });
	const extension = extensionOf(item.name);
	return h("span.picture", icon(kind === "document" ? "text" : kind, `kind ${kind}`),
		tiles && kind !== "folder" && extension.length <= 5 ? h("span.extension", { "aria-hidden": "true" }, extension) : null);
}

//  The bar above a list: commands on what is chosen, or else what "plain" gives (another one if "which" differs).
export function drawTools(bar, list, commands, which, plain) {
	const some = list.chosen().length;
	const shows = some ? commands.map(command => command.label).join() : which;
	if (some && bar.dataset.shows === shows)
		bar.querySelector(".counter").textContent = T.list.selected(some);
	if (bar.dataset.shows === shows)
		return;
	bar.dataset.shows = shows;
	bar.classList.toggle("chosen", some > 0);
	put(bar, some ? [
		tool(T.list.clear, "close", () => (list.clear(), list.focus())),
		h("p.counter", { role: "status" }, T.list.selected(some)),
		commands.map(({ label, icon: name, danger, action }) => button(label, { class: `quiet compact ${danger ? "danger" : ""}`, onclick: action }, name)),
	] : plain());
}

//  A view that is one list. load (): the items; tools: an element above it; the rest is for listOf and entryRow.
export function openList(main, { text, picture: shape, load, tools, ...options }) {
	document.title = T.title(text.title);
	const empty = h("div.empty", { hidden: true }, words(shape, text.emptyTitle, text.emptyLead));
	const list = listOf({ label: text.label, scroller: main, row: item => entryRow(item, false, options), ...options });
	let closed = false;
	const reload = async () => {
		try {
			const items = await load();
			if (closed)
				return;
			list.setItems(items);
			empty.hidden = items.length > 0;
			options.changed?.();
		}
		catch (error) {
			complain(error);
		}
	};
	const later = throttle(500, reload), offs = [on("file.", later), on("gap", later)];
	list.element.classList.add("wide-list");
	put(main, h("header.bar", h("h1", { tabindex: -1 }, text.title)), tools, list.element, empty);
	reload();
	return { list, reload, close() {
		closed = true;
		offs.forEach(off => off());
	} };
}
