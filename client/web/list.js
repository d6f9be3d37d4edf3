//  A list of any length, as rows or tiles: only what is in view exists as elements. One stop of the Tab key; arrows, Home, End
//  and typing move inside; Space, Shift and Ctrl choose several.
import { h, announce, icon, set } from "./dom.js";
import { T } from "./text.js";

const OVERSCAN = 6;  //  Rows above and below the view that exist already
const TYPING_MS = 700;

export class List {
	items = [];
	selection = new Set();  //  Keys
	active = null;  //  Key of the row that has, or would get, the focus
	#anchor = null;  //  Where a range begins
	#rows = new Map();  //  Key to element
	#indexOf = new Map();
	#typed = { text: "", at: 0 };
	#size = null;  //  Of rows or tiles, until the next resize
	#frozen = null;  //  Key of a row that is being edited: not drawn anew

	//  options: label, scroller (element that scrolls), heads: [[class, label, key to sort by]], row (item, tiles) -> cells, and what to do:
	//  open (item), sort (key), menu (item, place), keys ({ F2: action }), changed (), drag (event, items)
	constructor(options) {
		this.options = options;
		this.body = h("div.rows", { role: "rowgroup" });
		this.box = h("input", { type: "checkbox", "aria-label": T.list.chooseAll, onchange: () => this.box.checked ? this.all() : this.clear() });
		this.element = h("div.list.blank", { role: "grid", "aria-label": options.label, "aria-multiselectable": "true" },
			h("div.head", { role: "rowgroup" }, h("div.row.heads", { role: "row", "aria-rowindex": 1 },
				h("div.pick", { role: "columnheader" }, h("label", this.box)), options.heads.map(([kind, label, key]) => this.#head(kind, label, key)))), this.body);
		this.#listen();
	}

	#head(kind, label, key) {
		return h("div", { role: "columnheader", class: kind, "data-sort": key }, key
			? h("button.sort", { onclick: () => this.options.sort(key) }, h("span", label), icon("up"))
			: h("span", { class: kind === "more" ? "hidden" : null }, label));
	}

	//  Show by which column the items are sorted.
	sorted({ by, down }) {
		for (const head of this.element.querySelectorAll("[data-sort]"))
			set(head, "aria-sort", head.dataset.sort === by ? down ? "descending" : "ascending" : null);
	}

	setTiles(tiles) {
		this.tiles = tiles;
		this.element.classList.toggle("tiles", tiles);
		this.#size = null;
		[...this.#rows.keys()].forEach(key => this.#remove(key));
		this.draw();
	}

	//  Show these items; what was chosen and still exists stays so.
	setItems(items) {
		const before = this.#indexOf.get(this.active) ?? 0;
		this.items = items;
		this.#indexOf = new Map(items.map((item, index) => [item.key, index]));
		const had = this.selection.size;
		this.selection = new Set([...this.selection].filter(key => this.#indexOf.has(key)));
		const focused = this.body.contains(document.activeElement);
		if (!this.#indexOf.has(this.active))
			this.active = items[Math.min(before, items.length - 1)]?.key ?? null;
		this.element.setAttribute("aria-rowcount", items.length + 1);
		this.element.classList.toggle("blank", !items.length);
		for (const [key, row] of this.#rows)
			if (key !== this.#frozen && this.item(key) !== row.item)
				this.#remove(key);
		this.draw();
		if (focused && !this.body.contains(document.activeElement))
			this.#focus(this.active);
		if (had !== this.selection.size)
			this.#changed();
		else
			this.#drawBox();
	}

	item(key) {
		return this.items[this.#indexOf.get(key)];
	}

	get chosen() {
		return this.items.filter(item => this.selection.has(item.key));
	}

	//  What a key acts on: what is chosen, or else where the focus is.
	get pointed() {
		return this.selection.size ? this.chosen : this.items.filter(item => item.key === this.active);
	}

	focus() {
		if (this.active !== null)
			this.#focus(this.active);
	}

	//  Make a key the active one and bring it into view.
	reveal(key) {
		if (this.#indexOf.has(key)) {
			this.active = key;
			this.#scrollTo(this.#indexOf.get(key));
			this.draw();
			this.#marks();
		}
	}

	elementOf(key) {
		return this.#rows.get(key)?.element;
	}

	freeze(key) {
		this.#frozen = key;
		this.elementOf(key).draggable = false;
	}

	thaw() {
		const key = this.#frozen;
		this.#frozen = null;
		this.#remove(key);
		this.draw();
	}

	clear() {
		this.selection.clear();
		this.#changed();
	}

	all() {
		this.selection = new Set(this.items.map(item => item.key));
		this.#changed();
		announce(T.list.selected(this.selection.size));
	}

	//  Draw what is in view. Cheap to call: rows that exist stay.
	draw = () => {
		if (!this.element.isConnected)
			return;
		const { columns, height, width } = this.#measure();
		const count = this.items.length;
		this.body.style.height = `${Math.ceil(count / columns) * height}px`;
		const scroller = this.options.scroller;
		const top = scroller.getBoundingClientRect().top - this.body.getBoundingClientRect().top;
		const first = Math.max(0, Math.floor(top / height) - OVERSCAN) * columns;
		const last = Math.min(count, (Math.ceil((top + scroller.clientHeight) / height) + OVERSCAN) * columns);
		const wanted = [];
		for (let index = first; index < last; index++)
			wanted.push(index);
		const kept = this.#indexOf.get(this.active);
		if (kept !== undefined && (kept < first || kept >= last))
			kept < first ? wanted.unshift(kept) : wanted.push(kept);
		const keys = new Set(wanted.map(index => this.items[index].key));
		for (const key of [...this.#rows.keys()])
			if (!keys.has(key) && key !== this.#frozen)
				this.#remove(key);
		let next = this.body.firstChild;
		for (const index of wanted) {
			const element = this.#row(index, columns, height, width);
			if (element === next)
				next = next.nextSibling;
			else
				this.body.insertBefore(element, next);
		}
	};

	//  Sizes come from the style sheet; asking costs, so they are asked for when they may have changed.
	#measure() {
		if (!this.#size) {
			const style = getComputedStyle(this.element), length = name => parseFloat(style.getPropertyValue(`--${name}`)) || 100;
			const columns = this.tiles ? Math.max(1, Math.floor(this.body.clientWidth / length("tile-width"))) : 1;
			this.#size = { columns, height: length(this.tiles ? "tile-height" : "row-height"), width: this.tiles ? this.body.clientWidth / columns : null };
		}
		return this.#size;
	}

	#row(index, columns, height, width) {
		const item = this.items[index];
		let row = this.#rows.get(item.key);
		if (!row) {
			const element = h("div.row", { role: "row", "data-key": item.key, draggable: !!this.options.drag }, this.options.row(item, this.tiles));
			row = { element, item };
			this.#rows.set(item.key, row);
		}
		row.element.setAttribute("aria-rowindex", index + 2);
		row.element.style.transform = `translate(${width ? index % columns * width : 0}px, ${Math.floor(index / columns) * height}px)`;
		row.element.style.width = width ? `${width}px` : "";
		this.#mark(row, item.key);
		return row.element;
	}

	//  Only the active row's controls are stops of the Tab key.
	#mark({ element }, key) {
		const chosen = this.selection.has(key), stop = key === this.active ? 0 : -1;
		element.setAttribute("aria-selected", String(chosen));
		element.tabIndex = stop;
		for (const control of element.querySelectorAll("a, button, input[type=checkbox]")) {
			control.tabIndex = stop;
			if (control.type === "checkbox")
				control.checked = chosen;
		}
	}

	#marks() {
		this.#rows.forEach((row, key) => this.#mark(row, key));
	}

	//  Others are chosen now.
	#changed() {
		this.#marks();
		this.#drawBox();
		this.options.changed?.();
	}

	#drawBox() {
		const { size } = this.selection;
		this.box.checked = size > 0 && size === this.items.length;
		this.box.indeterminate = size > 0 && !this.box.checked;
		this.element.classList.toggle("choosing", size > 0);
	}

	#remove(key) {
		this.#rows.get(key)?.element.remove();
		this.#rows.delete(key);
	}

	#scrollTo(index) {
		const { columns, height } = this.#measure();
		const scroller = this.options.scroller;
		const base = this.body.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
		const top = base + Math.floor(index / columns) * height;
		const head = this.element.querySelector(".head")?.offsetHeight ?? 0;
		if (top - head < scroller.scrollTop)
			scroller.scrollTop = index < columns ? 0 : top - head;
		else if (top + height > scroller.scrollTop + scroller.clientHeight)
			scroller.scrollTop = top + height - scroller.clientHeight + 8;
	}

	#focus(key) {
		const index = this.#indexOf.get(key);
		if (index === undefined)
			return;
		this.active = key;
		this.#scrollTo(index);
		this.draw();
		this.#rows.get(key)?.element.focus({ preventScroll: true });
	}

	//  Choose a row as a click with these keys does.
	choose(key, { range, toggle }) {
		if (range) {
			const from = this.#indexOf.get(this.#anchor) ?? 0, to = this.#indexOf.get(key);
			const keys = this.items.slice(Math.min(from, to), Math.max(from, to) + 1).map(item => item.key);
			this.selection = new Set(toggle ? [...this.selection, ...keys] : keys);
		}
		else if (!toggle)
			this.selection = new Set([key]);
		else if (!this.selection.delete(key))
			this.selection.add(key);
		if (!range)
			this.#anchor = key;
		this.active = key;
		this.#changed();
	}

	#open(key) {
		const item = this.item(key);
		if (item)
			this.options.open(item);
	}

	#listen() {
		const { options, body } = this;
		//  What happens to a row; "but" are its parts that know better
		const listen = (name, action, but) => body.addEventListener(name, event => {
			const key = event.target.closest?.("[role=row]")?.dataset.key;
			if (key && key !== this.#frozen && !(but && event.target.closest(but)))
				action(event, key);
		});
		new ResizeObserver(() => {
			this.#size = null;
			this.draw();
		}).observe(this.element);
		options.scroller.addEventListener("scroll", this.draw, { passive: true });
		listen("focusin", (event, key) => {
			if (key !== this.active) {
				this.active = key;
				this.#marks();
			}
		});
		listen("click", (event, key) => this.#click(event, key));
		listen("dblclick", (event, key) => this.#open(key), "a, button, label");
		if (options.menu)
			listen("contextmenu", (event, key) => {
				event.preventDefault();
				if (!this.selection.has(key))
					this.choose(key, {});
				const box = this.elementOf(key).getBoundingClientRect();
				options.menu(this.item(key), event.clientX ? { x: event.clientX, y: event.clientY } : { x: box.left + 48, y: box.bottom - 8 });
			});
		body.addEventListener("keydown", event => this.#key(event));
		if (options.drag)
			listen("dragstart", (event, key) => {
				if (!this.selection.has(key))
					this.choose(key, {});
				options.drag(event, this.chosen);
			});
	}

	#click(event, key) {
		const link = event.target.closest("a");
		const range = event.shiftKey, toggle = event.ctrlKey || event.metaKey;
		if (event.target.closest(".pick")) {
			if (event.target !== event.target.closest(".pick").querySelector("input"))
				event.preventDefault();  //  Else the label clicks the box, once more
			return this.choose(key, { range, toggle: !range });
		}
		if (event.target.closest("button"))
			return;
		const coarse = matchMedia("(pointer: coarse)").matches;
		if (range || coarse && this.selection.size) {
			event.preventDefault();
			this.choose(key, { range, toggle: !range });
		}
		else if (toggle && !link)
			this.choose(key, { toggle });
		else if (link) {
			if (!toggle) {
				event.preventDefault();
				this.#open(key);
			}
		}
		else if (coarse)
			this.#open(key);
		else
			this.choose(key, {});
	}

	#key(event) {
		if (event.target.closest("input:not([type=checkbox])") || event.altKey)
			return;
		const at = this.#indexOf.get(this.active) ?? 0;
		const { columns, height } = this.#measure();
		const page = Math.max(1, Math.floor(this.options.scroller.clientHeight / height) - 1) * columns;
		const go = { ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: this.items.length - 1, PageDown: at + page, PageUp: at - page,
			...(this.tiles ? { ArrowRight: at + 1, ArrowLeft: at - 1 } : {}) }[event.key];
		const control = event.ctrlKey || event.metaKey;
		const onRow = event.target.getAttribute("role") === "row";
		if (go !== undefined && this.items.length) {
			const key = this.items[Math.max(0, Math.min(this.items.length - 1, go))].key;
			if (event.shiftKey) {
				this.#anchor ??= this.active;
				this.choose(key, { range: true });
			}
			this.#focus(key);
		}
		else if (control && event.key === "a")
			this.all();
		else if (event.key === "Escape" && this.selection.size)
			this.clear();
		else if (onRow && event.key === " ")
			this.choose(this.active, { range: event.shiftKey, toggle: !event.shiftKey });
		else if (onRow && event.key === "Enter")
			this.#open(this.active);
		else if (!control && this.options.keys?.[event.key])
			this.options.keys[event.key](this.item(this.active));
		else if (onRow && !control && event.key.length === 1 && event.key !== "/")
			this.#type(event.key);
		else
			return;
		event.preventDefault();
		event.stopPropagation();
	}

	//  Typing goes to the next name that begins so.
	#type(letter) {
		const now = performance.now();
		const fresh = now - this.#typed.at > TYPING_MS;
		this.#typed = { text: (fresh ? "" : this.#typed.text) + letter.toLowerCase(), at: now };
		const from = (this.#indexOf.get(this.active) ?? 0) + (fresh ? 1 : 0);
		const found = [...this.items.slice(from), ...this.items.slice(0, from)]
			.find(item => item.name.toLowerCase().startsWith(this.#typed.text));
		if (found)
			this.#focus(found.key);
	}
}
