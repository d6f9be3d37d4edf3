//  A list of any length, as rows or tiles: only what is in view exists as elements. One stop of the Tab key; arrows, Home, End
//  and typing move inside; Space, Shift and Ctrl choose several.
import { h, announce } from "./dom.js";
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

	//  options: label, scroller (element that scrolls), header (element or null), row (item) -> cells, and what to do:
	//  open (item), menu (item, place), keys ({ F2: action }), changed (), drag ({ start, over, drop })
	constructor(options) {
		this.options = options;
		this.body = h("div", { role: "rowgroup", class: "rows" });
		this.element = h("div", { role: "grid", class: "list", "aria-label": options.label, "aria-multiselectable": "true" },
			options.header && h("div", { role: "rowgroup", class: "head" }, options.header), this.body);
		this.#listen();
	}

	setTiles(tiles) {
		this.tiles = tiles;
		this.element.classList.toggle("tiles", tiles);
		this.#size = null;
		this.#drop();
		this.draw();
	}

	//  Show these items; what was chosen and still exists stays so.
	setItems(items) {
		const before = this.#indexOf.get(this.active) ?? 0;
		this.items = items;
		this.#indexOf = new Map(items.map((item, index) => [item.key, index]));
		const had = this.selection.size;
		for (const key of this.selection)
			if (!this.#indexOf.has(key))
				this.selection.delete(key);
		const focused = this.body.contains(document.activeElement);
		if (!this.#indexOf.has(this.active))
			this.active = items[Math.min(before, items.length - 1)]?.key ?? null;
		this.element.setAttribute("aria-rowcount", items.length + (this.options.header ? 1 : 0));
		for (const [key, row] of this.#rows) {
			const item = items[this.#indexOf.get(key)];
			if (key !== this.#frozen && item !== row.item)
				this.#remove(key);
		}
		this.draw();
		if (focused && !this.body.contains(document.activeElement))
			this.#focus(this.active);
		if (had !== this.selection.size)
			this.options.changed?.();
	}

	item(key) {
		return this.items[this.#indexOf.get(key)];
	}

	get chosen() {
		return this.items.filter(item => this.selection.has(item.key));
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
			for (const [one, row] of this.#rows)
				this.#mark(row, one);
		}
	}

	elementOf(key) {
		return this.#rows.get(key)?.element;
	}

	freeze(key) {
		this.#frozen = key;
	}

	thaw() {
		const key = this.#frozen;
		this.#frozen = null;
		this.#remove(key);
		this.draw();
	}

	clear() {
		this.selection.clear();
		this.#marks();
	}

	all() {
		this.selection = new Set(this.items.map(item => item.key));
		this.#marks();
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
		return this.#size ??= this.#measured();
	}

	#measured() {
		const style = getComputedStyle(this.element);
		const height = parseFloat(style.getPropertyValue("--row-height")) || 44;
		if (!this.tiles)
			return { columns: 1, height, width: null };
		const tile = parseFloat(style.getPropertyValue("--tile-width")) || 148;
		const columns = Math.max(1, Math.floor(this.body.clientWidth / tile));
		this.columns = columns;
		return { columns, height: parseFloat(style.getPropertyValue("--tile-height")) || 172, width: this.body.clientWidth / columns };
	}

	#row(index, columns, height, width) {
		const item = this.items[index];
		let row = this.#rows.get(item.key);
		if (!row) {
			const element = h("div", { role: "row", class: "row", draggable: !!this.options.drag }, this.options.row(item, this.tiles));
			element.dataset.key = item.key;
			row = { element, item };
			this.#rows.set(item.key, row);
		}
		row.element.setAttribute("aria-rowindex", index + (this.options.header ? 2 : 1));
		row.element.style.transform = `translate(${width ? index % columns * width : 0}px, ${Math.floor(index / columns) * height}px)`;
		row.element.style.width = width ? `${width}px` : "";
		this.#mark(row, item.key);
		return row.element;
	}

	#mark({ element }, key) {
		const chosen = this.selection.has(key);
		element.setAttribute("aria-selected", String(chosen));
		element.tabIndex = key === this.active ? 0 : -1;
		const box = element.querySelector("input[type=checkbox]");
		if (box)
			box.checked = chosen;
		//  Only the active row's controls are stops of the Tab key
		for (const control of element.querySelectorAll("a, button, input[type=checkbox]"))
			control.tabIndex = key === this.active ? 0 : -1;
	}

	#marks() {
		for (const [key, row] of this.#rows)
			this.#mark(row, key);
		this.element.classList.toggle("choosing", this.selection.size > 0);
		this.options.changed?.();
	}

	#remove(key) {
		this.#rows.get(key)?.element.remove();
		this.#rows.delete(key);
	}

	#drop() {
		for (const key of [...this.#rows.keys()])
			this.#remove(key);
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
		else if (toggle) {
			if (!this.selection.delete(key))
				this.selection.add(key);
			this.#anchor = key;
		}
		else {
			this.selection = new Set([key]);
			this.#anchor = key;
		}
		this.active = key;
		this.#marks();
	}

	#open(key) {
		const item = this.item(key);
		if (item)
			this.options.open(item);
	}

	#listen() {
		const { options, body } = this;
		new ResizeObserver(() => {
			this.#size = null;
			this.draw();
		}).observe(this.element);
		options.scroller.addEventListener("scroll", this.draw, { passive: true });
		body.addEventListener("focusin", event => {
			const key = event.target.closest("[role=row]")?.dataset.key;
			if (key && key !== this.active) {
				this.active = key;
				for (const [one, row] of this.#rows)
					this.#mark(row, one);
			}
		});
		body.addEventListener("click", event => this.#click(event));
		body.addEventListener("dblclick", event => {
			const row = event.target.closest("[role=row]");
			if (row && !event.target.closest("a, button, input"))
				options.open(this.item(row.dataset.key));
		});
		body.addEventListener("contextmenu", event => {
			const row = event.target.closest("[role=row]");
			if (!row || !options.menu || event.target.closest("input:not([type=checkbox])"))
				return;
			event.preventDefault();
			if (!this.selection.has(row.dataset.key))
				this.choose(row.dataset.key, {});
			const box = row.getBoundingClientRect();
			options.menu(this.item(row.dataset.key), event.clientX ? { x: event.clientX, y: event.clientY } : { x: box.left + 48, y: box.bottom - 8 });
		});
		body.addEventListener("keydown", event => this.#key(event));
		if (options.drag)
			this.#drags();
	}

	#click(event) {
		const row = event.target.closest("[role=row]");
		if (!row || row.dataset.key === this.#frozen)
			return;
		const key = row.dataset.key;
		const link = event.target.closest("a");
		const range = event.shiftKey, toggle = event.ctrlKey || event.metaKey;
		if (event.target.closest(".pick"))
			return this.choose(key, { range, toggle: !range });
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
		const columns = this.tiles ? this.columns : 1;
		const page = Math.max(1, Math.floor(this.options.scroller.clientHeight / (this.tiles ? 172 : 44)) - 1) * columns;
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

	#drags() {
		const { drag } = this.options;
		this.body.addEventListener("dragstart", event => {
			const row = event.target.closest?.("[role=row]");
			if (!row || row.dataset.key === this.#frozen)
				return event.preventDefault();
			if (!this.selection.has(row.dataset.key))
				this.choose(row.dataset.key, {});
			drag.start(event, this.chosen);
		});
	}
}
