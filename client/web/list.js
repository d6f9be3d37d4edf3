//  A list of any length, as rows or tiles: only what is in view exists. One stop of the Tab key; arrows, Home, End and typing
//  move inside; Space, Shift and Ctrl choose several.
import { h, announce, icon, set } from "./dom.js";
import { T } from "./text.js";

const OVERSCAN = 6;  //  Rows above and below the view that exist already
const TYPING_MS = 700;

//  options: label, scroller (element that scrolls), heads: [[class, label, key to sort by]], row (item, tiles) -> cells, and what to do:
//  open (item), sort (key), menu (item, place), keys ({ F2: action }), changed (), drag (event, items)
export function listOf(options) {
	const { scroller } = options;
	let items = [], indexOf = new Map();  //  Key to place
	let selection = new Set();  //  Keys
	let active = null;  //  Key of the row that has, or would get, the focus
	let anchor = null;  //  Where a range begins
	let size = null;  //  Of rows or tiles, until the next resize
	let frozen = null;  //  Key of a row that is being edited: not drawn anew
	let tiles = false, typed = { text: "", at: 0 };
	const rows = new Map();  //  Key to { element, item }
	const body = h("div.rows", { role: "rowgroup" });
	const box = h("input", { type: "checkbox", "aria-label": T.list.chooseAll, onchange: () => box.checked ? all() : clear() });
	const element = h("div.list.blank", { role: "grid", "aria-label": options.label, "aria-multiselectable": "true" },
		h("div.head", { role: "rowgroup" }, h("div.row.heads", { role: "row", "aria-rowindex": 1 },
			h("div.pick", { role: "columnheader" }, h("label", box)), options.heads.map(([kind, label, key]) => headOf(kind, label, key)))), body);

	const itemOf = key => items[indexOf.get(key)];
	const elementOf = key => rows.get(key)?.element;
	const chosen = () => items.filter(item => selection.has(item.key));
	//  What a key acts on: what is chosen, or else where the focus is.
	const pointed = () => selection.size ? chosen() : items.filter(item => item.key === active);
	const marks = () => rows.forEach(mark);

	function headOf(kind, label, key) {
		return h("div", { role: "columnheader", class: kind, "data-sort": key }, key
			? h("button.sort", { onclick: () => options.sort(key) }, h("span", label), icon("up"))
			: h("span", { class: kind === "more" ? "hidden" : null }, label));
	}

	function sorted({ by, down }) {
		for (const head of element.querySelectorAll("[data-sort]"))
			set(head, "aria-sort", head.dataset.sort === by ? down ? "descending" : "ascending" : null);
	}

	function setTiles(wanted) {
		tiles = wanted;
		element.classList.toggle("tiles", tiles);
		size = null;
		[...rows.keys()].forEach(remove);
		draw();
	}

	//  What was chosen and still exists stays so.
	function setItems(wanted) {
		const before = indexOf.get(active) ?? 0;
		items = wanted;
		indexOf = new Map(items.map((item, index) => [item.key, index]));
		const had = selection.size;
		selection = new Set([...selection].filter(key => indexOf.has(key)));
		const focused = body.contains(document.activeElement);
		if (!indexOf.has(active))
			active = items[Math.min(before, items.length - 1)]?.key ?? null;
		element.setAttribute("aria-rowcount", items.length + 1);
		element.classList.toggle("blank", !items.length);
		for (const [key, row] of rows)
			if (key !== frozen && itemOf(key) !== row.item)
				remove(key);
		draw();
		if (focused && !body.contains(document.activeElement))
			focusOn(active);
		if (had !== selection.size)
			chosenNow();
		else
			drawBox();
	}

	//  Make a key the active one and bring it into view.
	function reveal(key) {
		if (indexOf.has(key)) {
			active = key;
			scrollTo(indexOf.get(key));
			draw();
			marks();
		}
	}

	function freeze(key) {
		frozen = key;
		elementOf(key).draggable = false;
	}

	function thaw() {
		const key = frozen;
		frozen = null;
		remove(key);
		draw();
	}

	function clear() {
		selection.clear();
		chosenNow();
	}

	function all() {
		selection = new Set(items.map(item => item.key));
		chosenNow();
		announce(T.list.selected(selection.size));
	}

	//  Draw what is in view. Cheap to call: rows that exist stay.
	function draw() {
		if (!element.isConnected)
			return;
		const { columns, height, width } = measure();
		const count = items.length;
		body.style.height = `${Math.ceil(count / columns) * height}px`;
		const top = scroller.getBoundingClientRect().top - body.getBoundingClientRect().top;
		const first = Math.max(0, Math.floor(top / height) - OVERSCAN) * columns;
		const last = Math.min(count, (Math.ceil((top + scroller.clientHeight) / height) + OVERSCAN) * columns);
		const wanted = [];
		for (let index = first; index < last; index++)
			wanted.push(index);
		const kept = indexOf.get(active);
		if (kept !== undefined && (kept < first || kept >= last))
			kept < first ? wanted.unshift(kept) : wanted.push(kept);
		const keys = new Set(wanted.map(index => items[index].key));
		for (const key of [...rows.keys()])
			if (!keys.has(key) && key !== frozen)
				remove(key);
		let next = body.firstChild;
		for (const index of wanted) {
			const row = rowAt(index, columns, height, width);
			if (row === next)
				next = next.nextSibling;
			else
				body.insertBefore(row, next);
		}
	}

	//  Sizes come from the style sheet; asking costs.
	function measure() {
		if (!size) {
			const style = getComputedStyle(element), length = name => parseFloat(style.getPropertyValue(`--${name}`)) || 100;
			const columns = tiles ? Math.max(1, Math.floor(body.clientWidth / length("tile-width"))) : 1;
			size = { columns, height: length(tiles ? "tile-height" : "row-height"), width: tiles ? body.clientWidth / columns : null };
		}
		return size;
	}

	function rowAt(index, columns, height, width) {
		const item = items[index];
		let row = rows.get(item.key);
		if (!row) {
			row = { item, element: h("div.row", { role: "row", "data-key": item.key, draggable: !!options.drag }, options.row(item, tiles)) };
			rows.set(item.key, row);
		}
		row.element.setAttribute("aria-rowindex", index + 2);
		row.element.style.transform = `translate(${width ? index % columns * width : 0}px, ${Math.floor(index / columns) * height}px)`;
		row.element.style.width = width ? `${width}px` : "";
		mark(row, item.key);
		return row.element;
	}

	//  Only the active row's controls are stops of the Tab key.
	function mark({ element }, key) {
		const picked = selection.has(key), stop = key === active ? 0 : -1;
		element.setAttribute("aria-selected", String(picked));
		element.tabIndex = stop;
		for (const control of element.querySelectorAll("a, button, input[type=checkbox]")) {
			control.tabIndex = stop;
			if (control.type === "checkbox")
				control.checked = picked;
		}
	}

	//  Others are chosen now.
	function chosenNow() {
		marks();
		drawBox();
		options.changed?.();
	}

	function drawBox() {
		const { size } = selection;
		box.checked = size > 0 && size === items.length;
		box.indeterminate = size > 0 && !box.checked;
		element.classList.toggle("choosing", size > 0);
	}

	function remove(key) {
		rows.get(key)?.element.remove();
		rows.delete(key);
	}

	function scrollTo(index) {
		const { columns, height } = measure();
		const base = body.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
		const top = base + Math.floor(index / columns) * height;
		const head = element.querySelector(".head")?.offsetHeight ?? 0;
		if (top - head < scroller.scrollTop)
			scroller.scrollTop = index < columns ? 0 : top - head;
		else if (top + height > scroller.scrollTop + scroller.clientHeight)
			scroller.scrollTop = top + height - scroller.clientHeight + 8;
	}

	function focusOn(key) {
		const index = indexOf.get(key);
		if (index === undefined)
			return;
		active = key;
		scrollTo(index);
		draw();
		rows.get(key)?.element.focus({ preventScroll: true });
	}

	function choose(key, { range, toggle }) {
		if (range) {
			const from = indexOf.get(anchor) ?? 0, to = indexOf.get(key);
			const keys = items.slice(Math.min(from, to), Math.max(from, to) + 1).map(item => item.key);
			selection = new Set(toggle ? [...selection, ...keys] : keys);
		}
		else if (!toggle)
			selection = new Set([key]);
		else if (!selection.delete(key))
			selection.add(key);
		if (!range)
			anchor = key;
		active = key;
		chosenNow();
	}

	function openKey(key) {
		if (itemOf(key))
			options.open(itemOf(key));
	}

	function onClick(event, key) {
		const link = event.target.closest("a");
		const range = event.shiftKey, toggle = event.ctrlKey || event.metaKey;
		if (event.target.closest(".pick")) {
			if (event.target !== event.target.closest(".pick").querySelector("input"))
				event.preventDefault();  //  Else the label clicks the box, once more
			return choose(key, { range, toggle: !range });
		}
		if (event.target.closest("button"))
			return;
		const coarse = matchMedia("(pointer: coarse)").matches;
		if (range || coarse && selection.size) {
			event.preventDefault();
			choose(key, { range, toggle: !range });
		}
		else if (toggle && !link)
			choose(key, { toggle });
		else if (link) {
			if (!toggle) {
				event.preventDefault();
				openKey(key);
			}
		}
		else if (coarse)
			openKey(key);
		else
			choose(key, {});
	}

	function onKey(event) {
		if (event.target.closest("input:not([type=checkbox])") || event.altKey)
			return;
		const at = indexOf.get(active) ?? 0;
		const { columns, height } = measure();
		const page = Math.max(1, Math.floor(scroller.clientHeight / height) - 1) * columns;
		const go = { ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: items.length - 1, PageDown: at + page, PageUp: at - page,
			...(tiles ? { ArrowRight: at + 1, ArrowLeft: at - 1 } : {}) }[event.key];
		const control = event.ctrlKey || event.metaKey;
		const onRow = event.target.getAttribute("role") === "row";
		if (go !== undefined && items.length) {
			const key = items[Math.max(0, Math.min(items.length - 1, go))].key;
			if (event.shiftKey) {
				anchor ??= active;
				choose(key, { range: true });
			}
			focusOn(key);
		}
		else if (control && event.key === "a")
			all();
		else if (event.key === "Escape" && selection.size)
			clear();
		else if (onRow && event.key === " ")
			choose(active, { range: event.shiftKey, toggle: !event.shiftKey });
		else if (onRow && event.key === "Enter")
			openKey(active);
		else if (!control && options.keys?.[event.key])
			options.keys[event.key](itemOf(active));
		else if (onRow && !control && event.key.length === 1 && event.key !== "/")
			typeAhead(event.key);
		else
			return;
		event.preventDefault();
		event.stopPropagation();
	}

	//  Typing goes to the next name that begins so.
	function typeAhead(letter) {
		const now = performance.now();
		const fresh = now - typed.at > TYPING_MS;
		typed = { text: (fresh ? "" : typed.text) + letter.toLowerCase(), at: now };
		const from = (indexOf.get(active) ?? 0) + (fresh ? 1 : 0);
		const found = [...items.slice(from), ...items.slice(0, from)]
			.find(item => item.name.toLowerCase().startsWith(typed.text));
		if (found)
			focusOn(found.key);
	}

	//  What happens to a row; "but" are its parts that know better
	const listen = (name, action, but) => body.addEventListener(name, event => {
		const key = event.target.closest?.("[role=row]")?.dataset.key;
		if (key && key !== frozen && !(but && event.target.closest(but)))
			action(event, key);
	});
	new ResizeObserver(() => {
		size = null;
		draw();
	}).observe(element);
	scroller.addEventListener("scroll", draw, { passive: true });
	listen("focusin", (event, key) => {
		if (key !== active) {
			active = key;
			marks();
		}
	});
	listen("click", onClick);
	listen("dblclick", (event, key) => openKey(key), "a, button, label");
	if (options.menu)
		listen("contextmenu", (event, key) => {
			event.preventDefault();
			if (!selection.has(key))
				choose(key, {});
			const { left, bottom } = elementOf(key).getBoundingClientRect();
			options.menu(itemOf(key), event.clientX ? { x: event.clientX, y: event.clientY } : { x: left + 48, y: bottom - 8 });
		});
	body.addEventListener("keydown", onKey);
	if (options.drag)
		listen("dragstart", (event, key) => {
			if (!selection.has(key))
				choose(key, {});
			options.drag(event, chosen());
		});
	return {
		element, itemOf, elementOf, chosen, pointed, setItems, setTiles, sorted, reveal, freeze, thaw, clear, all,
		focus: () => focusOn(active),
		get items() {
			return items;
		},
	};
}
