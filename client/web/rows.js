//  How an entry of the store looks in a list: the same in files, search, trash and what is shared.
import { h, icon, menuTool } from "./dom.js";
import { exactly, extensionOf, kindOf, size, when } from "./format.js";
import { fileUrl } from "./api.js";
import { T } from "./text.js";

const THUMBNAIL_BYTES = 4 << 20;  //  Larger pictures are not fetched for a tile

const cell = (kind, ...children) => h("div", { role: "gridcell", class: kind }, children);

//  options: href (item), menu (item, button), where (item): text below the name, columns: [[class, item => text, item => title]]
export function entryRow(item, tiles, { href, menu, where, columns, actions }) {
	const below = where?.(item);
	const detail = h("span", { class: below ? "below place" : "below" }, below ? below : [when(item.modified), item.kind === "folder" ? "" : ` · ${size(item.size)}`]);
	return [
		cell("pick", h("label", h("input", { type: "checkbox", "aria-label": T.list.choose(item.name) })), picture(item, tiles)),
		cell("name", h("a", { href: href(item), draggable: false, title: item.name, "aria-label": item.name }, nameParts(item.name)), detail),
		tiles ? null : columns.map(([kind, text, title]) => cell(kind, h("span", { title: title?.(item) }, text(item)))),
		actions ? cell("actions", actions(item)) : null,
		menu ? cell("more", menuTool(T.list.more(item.name), event => menu(item, { anchor: event.currentTarget }))) : null,
	];
}

//  The end of a name tells most ("… final 2.docx"), so when room is short the middle goes.
function nameParts(name) {
	const letters = [...name];
	if (letters.length < 20)
		return h("span.stem", name);
	return [h("span.stem", letters.slice(0, -9).join("")), h("span.tail", letters.slice(-9).join(""))];
}

export function picture(item, tiles) {
	const kind = kindOf(item);
	if (tiles && kind === "image" && item.size <= THUMBNAIL_BYTES && item.id !== undefined && !item.trashed)
		return h("img.thumbnail", { alt: "", loading: "lazy", decoding: "async", draggable: false, src: `${fileUrl(item.path)}?v=${item.modified}`,
			onerror: event => event.target.replaceWith(icon("image", "kind image")) });
	const shape = { folder: "folder", image: "image", video: "video", audio: "audio", pdf: "pdf", archive: "archive", code: "code", text: "text",
		sheet: "sheet", document: "text" }[kind] ?? "file";
	return h("span.picture", icon(shape, `kind ${kind}`),
		tiles && kind !== "folder" && extensionOf(item.name).length <= 5 ? h("span.extension", { "aria-hidden": "true" }, extensionOf(item.name)) : null);
}

export const FILE_COLUMNS = [
	["modified", item => item.modified ? when(item.modified) : "", item => item.modified ? exactly(item.modified) : ""],
	["size", item => item.kind === "folder" ? T.list.noSize : size(item.size)],
];

//  The heads of columns; one click sorts, another turns it round. columns: [[class, label, key or null]]
export function head(columns, sort, onsort, onall) {
	const box = h("input", { type: "checkbox", "aria-label": T.list.chooseAll, onchange: () => onall(box.checked) });
	return { box, element: h("div", { role: "row", "aria-rowindex": 1, class: "row heads" },
		h("div", { role: "columnheader", class: "pick" }, h("label", box)),
		columns.map(([kind, label, key]) => h("div", { role: "columnheader", class: kind, "aria-sort": key && sort?.by === key ? sort.down ? "descending" : "ascending" : null },
			key ? h("button", { type: "button", class: "sort", onclick: () => onsort(key) }, h("span", label), icon(sort.down ? "down" : "up")) : h("span", { class: kind === "more" ? "hidden" : "" }, label)))) };
}
