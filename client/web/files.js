//  The view of files: where one is, what is there, and everything that can be done with it.
import { get } from "./api.js";
import * as actions from "./actions.js";
import { crumbsOf, pathForPeople } from "./crumbs.js";
import { ask, complain, toast } from "./dialog.js";
import { h, button, icon, menuTool, put, announce, throttle, tool, write } from "./dom.js";
import { filesOfDrop, filesOfInput } from "./drop.js";
import { on } from "./events.js";
import { Folder, itemsOf } from "./folder.js";
import { badName, baseOf, compareNames, extensionOf, isInside, join, parentOf, size } from "./format.js";
import { List } from "./list.js";
import { openMenu } from "./menu.js";
import { chooseFolder } from "./picker.js";
import { FILE_COLUMNS, entryRow, head } from "./rows.js";
import { go, link } from "./router.js";
import { home } from "./session.js";
import { openShare } from "./share.js";
import { T } from "./text.js";
import * as upload from "./upload.js";
import { openVersions } from "./versions.js";

const DRAGGED = "application/x-filestore";
const FIND_AFTER_MS = 200;  //  A pause in typing; then the whole tree is searched
const FIND_MAX = 500;

let layout = localStorage.getItem("layout") ?? "list";
let sort = { by: "name", down: false };

export function openFiles(main, path) {
	return new FilesView(main, path);
}

class FilesView {
	query = "";
	found = null;  //  Items elsewhere, or null while nobody searches
	selectAfter = null;  //  Name to show when it appears

	constructor(main, path) {
		Object.assign(this, { main, path });
		this.#build();
		this.folder = new Folder(path, { changed: throttle(60, () => this.#show()), gone: event => this.#gone(event), failed: error => this.#failed(error),
			rights: () => this.#askRights() });
		this.deaf = on("file.", event => this.#forget(event));
		this.folder.load();
		this.#askRights();
		this.#show();
		document.title = T.title(crumbsOf(path).at(-1).name);
	}

	//  What belongs to somebody else may be there only to read.
	async #askRights() {
		if (isInside(this.path, home()))
			return;
		const { rights } = await get("/entry", { path: this.path }).catch(() => ({}));
		this.readOnly = rights !== "write" && rights !== "own";
		this.toolState = this.emptyState = null;
		this.#tools();
		this.#show();
	}

	close() {
		this.deaf();
		this.folder.close();
		this.finder?.abort();
		clearTimeout(this.findTimer);
		this.off.abort();
	}

	//  A search shows this path: a preview of it must not end the search.
	holds(path) {
		return !!this.query && !!this.list.item(path);
	}

	//  A preview over this view was closed; the file that was looked at last is the one to go on with.
	returned(path) {
		this.list.reveal(path);
		this.list.focus();
	}

	//  --- The frame

	#build() {
		const crumbs = crumbsOf(this.path);
		this.off = new AbortController();
		this.search = h("input", { type: "search", id: "search", placeholder: T.files.search, "aria-label": T.files.searchHint, autocomplete: "off",
			spellcheck: "false", "aria-keyshortcuts": "/", oninput: () => this.#typed(), onkeydown: event => this.#searchKey(event) });
		this.tools = h("div.tools", { role: "group", "aria-label": T.files.actions });
		this.summary = h("p.summary.muted", { role: "status" });
		this.headHost = h("div.contents");
		this.list = new List({
			label: T.files.listOf(crumbs.at(-1).name), scroller: this.main, header: this.headHost,
			row: (item, tiles) => entryRow(item, tiles, {
				href: one => link(one.kind === "folder" ? "files" : "view", one.path), columns: FILE_COLUMNS,
				menu: (one, place) => this.#menu(one, place),
				where: one => this.found && parentOf(one.path) !== this.path ? pathForPeople(parentOf(one.path)) : null,
			}),
			open: item => this.#open(item), menu: (item, place) => this.#menu(item, place), changed: () => this.#tools(),
			keys: { F2: item => this.#rename(item), Delete: () => this.#remove(), Backspace: () => this.#up() },
			drag: { start: (event, chosen) => this.#dragStart(event, chosen) },
		});
		this.empty = h("div.empty");
		put(this.main,
			h("header.bar",
				h("nav.crumbs", { "aria-label": T.files.path }, h("ol", crumbs.map((crumb, n) => this.#crumb(crumb, n === crumbs.length - 1)))),
				h("div.search", icon("search"), this.search)),
			this.tools, this.list.element, this.empty, this.summary,
			h("div.dropzone", { "aria-hidden": "true" }, icon("upload"), h("p", T.files.dropHere(crumbs.at(-1).name))));
		const trail = this.main.querySelector(".crumbs ol");
		trail.scrollLeft = trail.scrollWidth;
		this.#heads();
		this.#tools();
		this.list.setTiles(layout === "tiles");
		this.#listen();
	}

	#crumb(crumb, last) {
		const element = last ? h("h1", { tabindex: -1, "aria-current": "page" }, crumb.name) : h("a", { href: crumb.href }, crumb.name);
		element.dataset.folder = crumb.path;
		return h("li", element, last ? null : icon("right"));
	}

	#heads() {
		const { box, element } = head([["name", T.list.name, "name"], ["modified", T.list.modified, "modified"], ["size", T.list.size, "size"], ["more", T.list.actions, null]],
			sort, by => this.#sort(by), all => all ? this.list.all() : this.list.clear());
		const focused = this.headHost.contains(document.activeElement) && document.activeElement.className === "sort"
			? [...this.headHost.querySelectorAll(".sort")].indexOf(document.activeElement) : -1;
		this.allBox = box;
		put(this.headHost, element);
		if (focused >= 0)
			this.headHost.querySelectorAll(".sort")[focused].focus();
	}

	#sort(by) {
		sort = { by, down: sort.by === by ? !sort.down : by !== "name" };
		this.#heads();
		this.#show();
	}

	#tools() {
		const chosen = this.list.chosen;
		this.allBox.checked = chosen.length > 0 && chosen.length === this.list.items.length;
		this.allBox.indeterminate = chosen.length > 0 && chosen.length < this.list.items.length;
		this.list.element.classList.toggle("choosing", chosen.length > 0);
		const state = chosen.length ? `${chosen.length === 1}` : "none";
		if (chosen.length && this.counter?.isConnected && this.toolState === state) {
			this.counter.textContent = T.list.selected(chosen.length);
			return;
		}
		this.toolState = state;
		this.tools.classList.toggle("chosen", chosen.length > 0);
		put(this.tools, chosen.length ? this.#chosenTools(chosen) : this.#plainTools());
	}

	#plainTools() {
		const tiles = layout === "tiles";
		return [
			this.readOnly ? h("span.badge", T.files.readOnly) : [
				button(T.files.upload, { class: "primary", onclick: () => this.#choose(false) }, "upload"),
				button(T.files.newFolder, { class: "compact", onclick: () => this.#newFolder() }, "folder-add")],
			menuTool(T.files.more, event => openMenu([
				...(this.readOnly ? [] : [
					{ label: T.files.uploadFiles, icon: "upload", action: () => this.#choose(false) },
					{ label: T.files.uploadFolder, icon: "folder-up", action: () => this.#choose(true) },
					{ label: T.files.newFolder, icon: "folder-add", action: () => this.#newFolder() },
					null]),
				{ label: T.list.chooseAll, icon: "check", keys: "Ctrl A", action: () => this.list.all() },
				{ label: T.files.downloadZip, icon: "download", action: () => actions.download([this.#self()]) },
				...(this.path === home() ? [] : [{ label: T.files.share, icon: "share", action: () => openShare(this.#self()) }]),
			], T.files.more, { anchor: event.currentTarget })),
			h("span.grow"),
			menuTool(T.list.sortBy, event => openMenu(
				[...["name", "modified", "size"].map(by => ({ label: T.list[by], checked: sort.by === by, action: () => sort.by === by || this.#sort(by) })), null,
					{ label: T.list.ascending, checked: !sort.down, action: () => sort.down && this.#sort(sort.by) },
					{ label: T.list.descending, checked: sort.down, action: () => sort.down || this.#sort(sort.by) }],
				T.list.sortBy, { anchor: event.currentTarget }), { icon: "sort", class: "quiet sorter" }),
			h("div.segments", { role: "group" },
				button(T.list.asList, { iconOnly: true, "aria-pressed": String(!tiles), onclick: () => this.#layout("list") }, "rows"),
				button(T.list.asTiles, { iconOnly: true, "aria-pressed": String(tiles), onclick: () => this.#layout("tiles") }, "tiles")),
		];
	}

	#chosenTools(chosen) {
		const act = (label, name, action, kind = "quiet compact") => button(label, { class: kind, onclick: action }, name);
		this.counter = h("p.counter", { role: "status" }, T.list.selected(chosen.length));
		return [
			tool(T.list.clear, "close", () => (this.list.clear(), this.list.focus())), this.counter,
			act(T.files.download, "download", () => actions.download(this.list.chosen)),
			act(T.files.move, "move", () => this.#moveTo(this.list.chosen)),
			act(T.files.copy, "copy", () => this.#copyTo(this.list.chosen)),
			chosen.length === 1 && act(T.files.rename, "rename", () => this.#rename(this.list.chosen[0])),
			chosen.length === 1 && act(T.files.share, "share", () => openShare(this.list.chosen[0])),
			act(T.files.remove, "trash", () => this.#remove(), "quiet compact danger"),
		];
	}

	#layout(name) {
		layout = name;
		try {
			localStorage.setItem("layout", name);
		}
		catch {
			//  Forbidden: then it is as it was at the next visit
		}
		this.toolState = null;
		this.#tools();
		this.list.setTiles(name === "tiles");
		this.tools.querySelector(`[aria-pressed=true]`)?.focus();
	}

	#self() {
		return { path: this.path, name: baseOf(this.path), kind: "folder" };
	}

	//  --- What is shown

	#show() {
		let items = [...this.folder.items.values()];
		if (this.query) {
			const text = this.query.toLowerCase();
			items = items.filter(item => item.name.toLowerCase().includes(text));
		}
		items.sort(order(sort));
		if (this.query && this.found) {
			const here = new Set(items.map(item => item.key));
			items.push(...this.found.filter(item => !here.has(item.key)));
		}
		this.list.setItems(items);
		if (this.selectAfter && this.folder.items.has(this.selectAfter)) {
			const key = join(this.path, this.selectAfter);
			this.selectAfter = null;
			this.list.reveal(key);
			this.list.focus();
		}
		this.#tools();
		this.#summary(items);
	}

	#summary(items) {
		const nothing = !items.length;
		this.list.element.classList.toggle("blank", nothing);
		const state = !nothing ? "" : this.query ? this.searching ? "searching" : "no match" : this.folder.loading ? "loading" : this.error ? "failed" : "empty";
		if (this.emptyState !== state + this.query) {
			this.emptyState = state + this.query;
			put(this.empty, this.#emptyOf(state));
		}
		this.empty.hidden = !nothing;
		const folders = items.filter(item => item.kind === "folder").length;
		const octets = items.reduce((sum, item) => sum + item.size, 0);
		const text = this.query ? this.searching ? T.files.foundMore(items.length) : T.files.found(items.length)
			: nothing ? "" : T.files.summary(folders, items.length - folders, items.length > folders ? size(octets) : "");
		write(this.summary, text);
	}

	#emptyOf(state) {
		const words = (name, title, lead, more) => [icon(name, "huge"), h("h2", title), lead && h("p.muted", lead), more];
		return {
			"searching": () => words("search", T.files.searching),
			"no match": () => words("search", T.files.noMatch(this.query), T.files.noMatchLead),
			"loading": () => h("div.skeleton", { role: "status", "aria-label": T.loading }, Array.from({ length: 6 }, () => h("div"))),
			"failed": () => words("warning", T.files.failedTitle, this.error.sentence ?? this.error.message,
				button(T.tryAgain, { class: "primary", onclick: () => this.#again() }, "retry")),
			"empty": () => this.readOnly ? words("folder-open", T.files.emptyReadOnly) : words("folder-open", T.files.emptyTitle, T.files.emptyLead, h("p.buttons",
				button(T.files.uploadFiles, { onclick: () => this.#choose(false) }, "upload"),
				button(T.files.uploadFolder, { onclick: () => this.#choose(true) }, "folder-up"))),
		}[state]?.() ?? [];
	}

	#again() {
		this.error = null;
		this.folder.loading = true;
		this.#show();
		this.folder.load();
	}

	#failed(error) {
		this.error = error;
		this.emptyState = null;
		if (error.code === "not_found" || error.code === "denied")
			this.folder.items.clear();
		this.#show();
		if (this.folder.items.size)
			complain(error);
	}

	#gone(event) {
		if (event.type === "moved") {
			toast(T.files.goneMoved);
			go(link("files", event.to + this.path.slice(event.path.length)), { replace: true });
		}
		else {
			toast(T.files.goneDeleted);
			go(link("files", parentOf(event.path)), { replace: true });
		}
	}

	//  --- Searching: here at once, everywhere below a moment later

	#typed() {
		this.query = this.search.value.trim();
		this.finder?.abort();
		clearTimeout(this.findTimer);
		this.found = this.query ? [] : null;
		this.searching = !!this.query;
		if (this.query)
			this.findTimer = setTimeout(() => this.#find(), FIND_AFTER_MS);
		this.main.scrollTop = 0;
		this.#show();
	}

	//  What was found and then deleted or moved, here or elsewhere, is found no more.
	#forget({ type, path }) {
		if (this.found && (type === "deleted" || type === "moved")) {
			this.found = this.found.filter(item => !isInside(item.path, path));
			this.#show();
		}
	}

	async #find() {
		this.finder = new AbortController();
		const found = [];
		try {
			for (let after, more = true; more && found.length < FIND_MAX;) {
				const page = await get("/find", { path: this.path, text: this.query, after, limit: FIND_MAX }, this.finder.signal);
				found.push(...itemsOf(page));
				after = page.next;
				more = page.more;
				this.found = [...found];
				this.searching = more;
				this.#show();
			}
		}
		catch (error) {
			if (error.name === "AbortError")
				return;
			complain(error);
		}
		this.searching = false;
		this.#show();
	}

	#searchKey(event) {
		if (event.key === "Escape" && this.search.value) {
			this.search.value = "";
			this.#typed();
		}
		else if (event.key === "ArrowDown" && this.list.items.length)
			this.list.focus();
		else if (event.key === "Enter" && this.list.items.length)
			this.#open(this.list.items[0]);
		else
			return;
		event.preventDefault();
	}

	//  --- What can be done

	#open(item) {
		go(link(item.kind === "folder" ? "files" : "view", item.path));
	}

	#up() {
		if (this.path !== home() && this.path !== "/")
			go(link("files", parentOf(this.path)));
	}

	#menu(item, place) {
		const chosen = this.list.selection.has(item.key) ? this.list.chosen : [item];
		const one = chosen.length === 1;
		const file = one && item.kind === "file";
		openMenu([
			one && { label: file ? T.files.preview : T.files.open, icon: file ? "eye" : "folder-open", keys: "Enter", action: () => this.#open(item) },
			{ label: file ? T.files.download : T.files.downloadZip, icon: "download", action: () => actions.download(chosen) },
			null,
			one && { label: T.files.rename, icon: "rename", keys: "F2", action: () => this.#rename(item) },
			{ label: T.files.move, icon: "move", action: () => this.#moveTo(chosen) },
			{ label: T.files.copy, icon: "copy", action: () => this.#copyTo(chosen) },
			one && { label: T.files.share, icon: "share", action: () => openShare(item) },
			file && { label: T.files.versions, icon: "history", action: () => openVersions(item) },
			file && { label: T.files.places, icon: "cluster", action: () => go(link("cluster", item.path)) },
			null,
			{ label: T.files.remove, icon: "trash", keys: "Del", danger: true, action: () => this.#remove(chosen) },
		].filter(entry => entry !== false), T.list.more(item.name), place);
	}

	#rename(item) {
		const row = this.list.elementOf(item.key);
		if (!row)
			return;
		const cell = row.querySelector("[role=gridcell].name");
		const input = h("input.rename", { value: item.name, "aria-label": T.files.renameLabel(item.name), autocomplete: "off", spellcheck: "false" });
		let over = false;
		const end = async commit => {
			if (over)
				return;
			over = true;
			const name = input.value.trim(), refusal = badName(name);
			if (commit && name !== item.name && refusal)
				toast(refusal, { error: true });
			else if (commit && name !== item.name)
				await actions.rename(item, name).then(() => {
					this.selectAfter = name;
					announce(T.files.renamed(item.name, name));
				}, complain);
			const focused = input === document.activeElement || document.activeElement === document.body;
			this.list.thaw();
			if (focused)
				this.list.focus();
		};
		this.list.freeze(item.key);
		put(cell, input);
		input.addEventListener("keydown", event => {
			event.stopPropagation();
			if (event.key === "Enter" || event.key === "Escape") {
				event.preventDefault();
				end(event.key === "Enter");
			}
		});
		input.addEventListener("blur", () => end(true));
		input.focus();
		const extension = item.kind === "file" ? extensionOf(item.name) : "";
		input.setSelectionRange(0, item.name.length - (extension ? extension.length + 1 : 0));
	}

	#remove(things = this.list.chosen.length ? this.list.chosen : [this.list.item(this.list.active)].filter(Boolean)) {
		if (things.length)
			actions.remove(things);
	}

	async #moveTo(things) {
		const folder = await chooseFolder(this.path, { title: T.files.moveTitle(things.length), action: T.files.moveHere, without: things });
		if (folder)
			actions.moveTo(things, folder);
	}

	async #copyTo(things) {
		const folder = await chooseFolder(this.path, { title: T.files.copyTitle(things.length), action: T.files.copyHere });
		if (folder)
			actions.copyTo(things, folder);
	}

	#newFolder() {
		ask({
			title: T.files.newFolder, label: T.files.folderName, action: T.files.create, check: name => badName(name.trim()),
			commit: async name => {
				this.selectAfter = name.trim();
				await actions.makeFolder(join(this.path, name.trim()));
				announce(T.files.created(name.trim()));
			},
		});
	}

	#choose(folders) {
		const input = h("input", { type: "file", multiple: true, ...(folders ? { webkitdirectory: true } : {}),
			onchange: () => this.#upload(this.path, filesOfInput(input.files)) });
		input.click();
	}

	#upload(folder, what) {
		upload.add(folder, what).catch(complain);
	}

	//  --- Dragging: files of the machine into a folder, entries of the store onto folders and breadcrumbs

	#dragStart(event, chosen) {
		event.dataTransfer.setData(DRAGGED, JSON.stringify(chosen.map(({ path, name, kind }) => ({ path, name, kind }))));
		event.dataTransfer.effectAllowed = "copyMove";
		const ghost = h("div.ghost", icon(chosen[0].kind === "folder" ? "folder" : "file"),
			chosen.length === 1 ? chosen[0].name : T.list.selected(chosen.length));
		document.body.append(ghost);
		event.dataTransfer.setDragImage(ghost, 16, 16);
		setTimeout(() => ghost.remove());
	}

	//  The folder below the pointer, and the element to mark.
	#target(event) {
		const crumb = event.target.closest?.("[data-folder]");
		if (crumb)
			return { folder: crumb.dataset.folder, element: crumb };
		const row = event.target.closest?.("[role=row][data-key]");
		const item = row && this.list.item(row.dataset.key);
		return item?.kind === "folder" ? { folder: item.path, element: row } : { folder: this.path, element: null };
	}

	#listen() {
		const signal = this.off.signal;
		const kind = event => event.dataTransfer?.types.includes(DRAGGED) ? "entries" : event.dataTransfer?.types.includes("Files") ? "files" : null;
		const mark = (element, files) => {
			if (this.marked !== element) {
				this.marked?.classList.remove("target");
				element?.classList.add("target");
				this.marked = element;
			}
			this.main.classList.toggle("dropping", files);
		};
		addEventListener("dragover", event => {
			const what = kind(event), { folder, element } = this.#target(event);
			if (!what || document.querySelector("dialog[open]"))
				return;
			const useful = what === "files" || folder !== this.path;
			if (useful) {
				event.preventDefault();
				event.dataTransfer.dropEffect = what === "files" || event.ctrlKey || event.altKey ? "copy" : "move";
			}
			mark(useful ? element : null, what === "files" && !element);
		}, { signal });
		addEventListener("dragleave", event => event.relatedTarget || mark(null, false), { signal });
		addEventListener("dragend", () => mark(null, false), { signal });
		addEventListener("drop", async event => {
			const what = kind(event), { folder } = this.#target(event);
			mark(null, false);
			if (!what || document.querySelector("dialog[open]"))
				return;
			event.preventDefault();
			if (what === "entries") {
				const things = JSON.parse(event.dataTransfer.getData(DRAGGED));
				if (folder !== this.path)
					(event.ctrlKey || event.altKey ? actions.copyTo : actions.moveTo)(things, folder);
			}
			else
				this.#upload(folder, await filesOfDrop(event.dataTransfer, n => n % 100 || announce(T.uploads.preparing(n))).catch(complain));
		}, { signal });
		addEventListener("paste", event => {
			if (event.clipboardData?.files.length && !event.target.closest?.("input, dialog"))
				this.#upload(this.path, filesOfInput(event.clipboardData.files));
		}, { signal });
		addEventListener("keydown", event => {
			if (event.key === "/" && !event.target.closest?.("input, textarea, dialog, [role=menu]") && !event.ctrlKey && !event.metaKey) {
				event.preventDefault();
				this.search.focus();
			}
		}, { signal });
	}
}

function order({ by, down }) {
	const sign = down ? -1 : 1;
	const value = { name: () => 0, size: (a, b) => a.size - b.size, modified: (a, b) => a.modified - b.modified }[by];
	return (a, b) => (a.kind === b.kind ? 0 : a.kind === "folder" ? -1 : 1) || sign * (value(a, b) || compareNames(a.name, b.name));
}
