//  Which nodes hold which part of a file: a row for each copy, a column for each part.
import { ApiError, bus, sentenceOf } from "./api.js";
import { pathForPeople } from "./crumbs.js";
import { h, button, icon, put, tool } from "./dom.js";
import { baseOf, parentOf, size } from "./format.js";
import { go, link } from "./router.js";
import { T } from "./text.js";

const t = T.places;
const CELLS_MAX = 400;  //  A strip with more is not seen; neighbours are drawn as one

//  All extents of a file: [{ extent, bytes, nodes }].
async function extentsOf(path) {
	const extents = [];
	for (let from = 0; from !== undefined;) {
		const { files: [file] } = await bus("metadata", "GET_FILE_INFO", { paths: [path], from });
		if (file.code !== "ok")
			throw new ApiError(0, file.code, file.message ?? file.code);
		extents.push(...file.extents ?? []);
		from = file.next;
	}
	return extents;
}

//  The section about one file. "colourOf" gives a node's number. Gives { element, refresh }.
export function placesOf(path, colourOf, isAlive) {
	const body = h("div");
	const element = h("section.panel.places", { "aria-labelledby": "places-title" },
		h("header", h("div.grow", h("h2", { id: "places-title", tabindex: -1 }, t.of(baseOf(path))), h("p.muted", pathForPeople(parentOf(path)))),
			button(t.back, { class: "quiet", onclick: () => go(link("view", path)) }, "eye"),
			tool(T.close, "close", () => go(link("cluster")))), body);

	async function refresh() {
		try {
			const extents = await extentsOf(path);
			put(body, extents.length ? draw(extents) : h("p.muted", t.empty));
		}
		catch (error) {
			put(body, h("p.problem", icon("warning"), h("span", sentenceOf(error))));
		}
	}

	function draw(extents) {
		const living = extents.map(extent => ({ ...extent, nodes: extent.nodes.filter(isAlive).sort() }));
		const counts = living.map(extent => extent.nodes.length);
		const nodes = [...new Set(living.flatMap(extent => extent.nodes))].sort();
		const copies = Math.max(...counts, 1);
		const shown = merge(living);
		return [
			h("p", t.summary(extents.length, t.copies(Math.min(...counts), Math.max(...counts)))),
			h("ul.legend", nodes.map(node => h("li", { class: `node-${colourOf(node)}` }, h("span.swatch"), node))),
			h("div.strip", { role: "img", "aria-label": t.strip, style: { "--copies": copies } }, shown.map(extent =>
				h("div.part", { title: t.part(extent.extent + 1, size(extent.bytes), extent.nodes), style: { "flex-grow": extent.bytes || 1 } },
					Array.from({ length: copies }, (_, n) => h("span", { class: extent.nodes[n] ? `node-${colourOf(extent.nodes[n])}` : "missing" }))))),
			h("details", h("summary", t.table), h("div.scroll", { tabindex: 0, role: "region", "aria-label": t.table }, h("table",
				h("thead", h("tr", [t.number, t.size, t.nodes].map(text => h("th", { scope: "col" }, text)))),
				h("tbody", living.slice(0, 1000).map(extent => h("tr", h("td", extent.extent + 1), h("td", size(extent.bytes)), h("td", extent.nodes.join(", ") || "–")))))))
		];
	}

	refresh();
	return { element, refresh };
}

//  Neighbours on the same nodes become one.
function merge(extents) {
	if (extents.length <= CELLS_MAX)
		return extents;
	const merged = [];
	for (const extent of extents) {
		const last = merged.at(-1);
		if (last && last.nodes.join() === extent.nodes.join())
			last.bytes += extent.bytes;
		else
			merged.push({ ...extent });
	}
	return merged;
}
