//  The view of files: where one is, what is there, and everything that can be done with it.
import { get, sentenceOf } from "./api.js";
import * as actions from "./actions.js";
import { crumbsOf, pathForPeople } from "./crumbs.js";
import { ask, complain, toast } from "./dialog.js";
import { h, button, icon, menuTool, put, announce, throttle, words, write } from "./dom.js";
import { filesOfDrop, filesOfInput } from "./drop.js";
import { on } from "./events.js";
import { Folder, THUMBNAILS } from "./folder.js";
import { badName, baseOf, compareNames, extensionOf, isInside, join, parentOf, size } from "./format.js";
import { List } from "./list.js";
import { openMenu } from "./menu.js";
import { chooseFolder } from "./picker.js";
import { FILE_COLUMNS, drawTools, entryRow, openEntry } from "./rows.js";
import { go, link } from "./router.js";
import { find } from "./search.js";
import { home } from "./session.js";
import { T } from "./text.js";
import * as upload from "./upload.js";

const t = T.files;
const DRAGGED = "application/x-filestore";
const FIND_AFTER_MS = 200;  //  A pause in typing; then the whole tree is searched

let layout = localStorage.getItem("layout") ?? "list";
let sort = { by: "name", down: false };

export class FilesView {
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
		this.emptyState = null;
		this.#show();
	}

	close() {
		this.deaf();
		this.folder.close();
		this.thumbnails?.close();
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
		this.search = h("input", { type: "search", id: "search", placeholder: t.search, "aria-label": t.searchHint, autocomplete: "off",
			spellcheck: "false", "aria-keyshortcuts": "/", oninput: () => this.#typed(), onkeydown: event => this.#searchKey(event) });
		this.tools = h("div.tools", { role: "group", "aria-label": t.actions });
		this.summary = h("p.summary.muted", { role: "status" });
		this.list = new List({
			label: t.listOf(crumbs.at(-1).name), scroller: this.main, sort: by => this.#sort(by),
			heads: [["name", T.list.name, "name"], ["modified", T.list.modified, "modified"], ["size", T.list.size, "size"], ["more", T.list.actions]],
			row: (item, tiles) => entryRow(item, tiles, {
				columns: FILE_COLUMNS, menu: (one, place) => this.#menu(one, place),
				where: one => one.snippet ?? (this.found && parentOf(one.path) !== this.path ? pathForPeople(parentOf(one.path)) : null),
			}),
			open: openEntry, menu: (item, place) => this.#menu(item, place), changed: () => this.#tools(),
			keys: { F2: item => this.#rename(item), Delete: () => actions.remove(this.list.pointed), Backspace: () => this.#up() },
			drag: (event, chosen) => this.#dragStart(event, chosen),
		});
		this.empty = h("div.empty");
		put(this.main,
			h("header.bar",
				h("nav.crumbs", { "aria-label": t.path }, h("ol", crumbs.map((crumb, n) => this.#crumb(crumb, n === crumbs.length - 1)))),
				h("div.search", icon("search"), this.search)),
			this.tools, this.list.element, this.empty, this.summary,
			h("div.dropzone", { "aria-hidden": "true" }, icon("upload"), h("p", t.dropHere(crumbs.at(-1).name))));
		const trail = this.main.querySelector(".crumbs ol");
		trail.scrollLeft = trail.scrollWidth;
		this.list.sorted(sort);
		this.list.setTiles(layout === "tiles");
		this.#listen();
	}

	#crumb(crumb, last) {
		const element = last ? h("h1", { tabindex: -1, "aria-current": "page" }, crumb.name) : h("a", { href: crumb.href }, crumb.name);
		element.dataset.folder = crumb.path;
		return h("li", element, last ? null : icon("right"));
	}

	//  A click on a head turns round what it sorted already.
	#sort(by, down = sort.by === by ? !sort.down : by !== "name") {
		sort = { by, down };
		this.list.sorted(sort);
		this.#show();
	}

	#tools() {
		const commands = this.list.selection.size ? this.#commands(() => this.list.chosen).filter(command => command?.bar) : [];
		drawTools(this.tools, this.list, commands, `${layout} ${this.readOnly}`, () => this.#plainTools());
	}

	#plainTools() {
		const upload = { label: t.uploadFiles, icon: "upload", action: () => this.#choose(false) };
		const folder = { label: t.newFolder, icon: "folder-add", action: () => this.#newFolder() };
		const self = { path: this.path, name: baseOf(this.path), kind: "folder" };
		const view = (name, label, shape) => button(label, { iconOnly: true, "aria-pressed": String(layout === name), onclick: () => this.#layout(name) }, shape);
		const order = (label, by, down) => ({ label, checked: sort.by === by && sort.down === down, action: () => this.#sort(by, down) });
		return [
			this.readOnly ? h("span.badge", t.readOnly) : [
				button(t.upload, { class: "primary", onclick: upload.action }, upload.icon),
				button(folder.label, { class: "compact", onclick: folder.action }, folder.icon)],
			menuTool(t.more, event => openMenu([
				...(this.readOnly ? [] : [upload, { label: t.uploadFolder, icon: "folder-up", action: () => this.#choose(true) }, folder, null]),
				{ label: T.list.chooseAll, icon: "check", keys: "Ctrl A", action: () => this.list.all() },
				actions.downloadCommand(() => [self]),
				this.path === home() ? false : actions.shareCommand(self),
			], t.more, { anchor: event.currentTarget })),
			h("span.grow"),
			menuTool(T.list.sortBy, event => openMenu([
				...["name", "modified", "size"].map(by => ({ label: T.list[by], checked: sort.by === by, action: () => this.#sort(by, sort.down) })), null,
				order(T.list.ascending, sort.by, false), order(T.list.descending, sort.by, true),
			], T.list.sortBy, { anchor: event.currentTarget }), { icon: "sort", class: "quiet sorter" }),
			h("div.segments", { role: "group" }, view("list", T.list.asList, "rows"), view("tiles", T.list.asTiles, "tiles")),
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
		this.#show();
		this.list.setTiles(name === "tiles");
		this.tools.querySelector("[aria-pressed=true]")?.focus();
	}

	//  --- What is shown

	#show() {
		this.#showThumbnails();
		const text = this.query.toLowerCase();
		const items = [...this.folder.items.values()].filter(item => item.name !== THUMBNAILS && item.name.toLowerCase().includes(text)).sort(order(sort));
		if (this.found) {
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
		if (this.emptyState !== state + this.query)
			put(this.empty, this.#emptyOf(state));
		this.emptyState = state + this.query;
		this.empty.hidden = !nothing;
		const files = items.filter(item => item.kind === "file"), octets = files.reduce((sum, item) => sum + item.size, 0);
		write(this.summary, this.query ? (this.searching ? t.foundMore : t.found)(items.length)
			: nothing ? "" : t.summary(items.length - files.length, files.length, files.length ? size(octets) : ""));
	}

	#emptyOf(state) {
		return {
			"searching": () => words("search", t.searching),
			"no match": () => words("search", t.noMatch(this.query), t.noMatchLead),
			"loading": () => h("div.skeleton", { role: "status", "aria-label": T.loading }, Array.from({ length: 6 }, () => h("div"))),
			"failed": () => words("warning", t.failedTitle, sentenceOf(this.error),
				button(T.tryAgain, { class: "primary", onclick: () => this.#again() }, "retry")),
			"empty": () => this.readOnly ? words("folder-open", t.emptyReadOnly) : words("folder-open", t.emptyTitle, t.emptyLead, h("p.buttons",
				button(t.uploadFiles, { onclick: () => this.#choose(false) }, "upload"),
				button(t.uploadFolder, { onclick: () => this.#choose(true) }, "folder-up"))),
		}[state]?.() ?? [];
	}

	//  What an actor made of the files, as long as tiles are shown: their folder is listed once, then kept true by events.
	#showThumbnails() {
		const { items } = this.folder;
		if (layout !== "tiles" || !items.has(THUMBNAILS))
			return;
		if (!this.thumbnails) {
			this.thumbnails = new Folder(join(this.path, THUMBNAILS), { changed: throttle(300, () => this.#show()) });
			this.thumbnails.load();
		}
		const newest = new Map();  //  Id of a file to { version, path }
		for (const { name, path } of this.thumbnails.items.values()) {
			const [, id, version] = /^(\d+)-(\d+)\.jpg$/.exec(name)?.map(Number) ?? [];
			if (!(newest.get(id)?.version >= version))
				newest.set(id, { version, path });
		}
		for (const [name, item] of items) {
			const thumbnail = newest.get(item.id)?.path;
			if (item.thumbnail !== thumbnail)
				items.set(name, { ...item, thumbnail });  //  Another item, so the list draws it anew
		}
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
		const moved = event.type === "moved";
		toast(moved ? t.goneMoved : t.goneDeleted);
		go(link("files", moved ? event.to + this.path.slice(event.path.length) : parentOf(event.path)), { replace: true });
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
		try {
			for await (const items of find(this.path, this.query, this.finder.signal)) {
				const known = new Set(this.found.map(item => item.key));
				this.found.push(...items.filter(item => !known.has(item.key)));
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
			openEntry(this.list.items[0]);
		else
			return;
		event.preventDefault();
	}

	//  --- What can be done

	#up() {
		if (this.path !== home() && this.path !== "/")
			go(link("files", parentOf(this.path)));
	}

	//  "things" gives what it is about, at the time when a command is chosen.
	#commands(things) {
		const one = things().length === 1 && things()[0], file = one?.kind === "file";
		const into = (words, action, without) => async () => {
			const which = things();
			const folder = await chooseFolder(this.path, { title: words.title(which.length), action: words.here, without: without ? which : [] });
			if (folder)
				action(which, folder);
		};
		return [
			one && actions.openCommand(one),
			actions.downloadCommand(things),
			null,
			one && { label: t.rename, icon: "rename", keys: "F2", bar: true, action: () => this.#rename(one) },
			{ label: t.move, icon: "move", bar: true, action: into({ title: t.moveTitle, here: t.moveHere }, actions.moveTo, true) },
			{ label: t.copy, icon: "copy", bar: true, action: into({ title: t.copyTitle, here: t.copyHere }, actions.copyTo) },
			one && actions.shareCommand(one),
			...(file ? actions.fileCommands(one) : []),
			null,
			{ label: t.remove, icon: "trash", keys: "Del", danger: true, bar: true, action: () => actions.remove(things()) },
		];
	}

	#menu(item, place) {
		const chosen = this.list.selection.has(item.key) ? this.list.chosen : [item];
		openMenu(this.#commands(() => chosen), T.list.more(item.name), place);
	}

	#rename(item) {
		const row = this.list.elementOf(item.key);
		if (!row)
			return;
		const input = h("input.rename", { value: item.name, "aria-label": t.renameLabel(item.name), autocomplete: "off", spellcheck: "false",
			onblur: () => end(true), onkeydown: event => {
				event.stopPropagation();
				if (event.key === "Enter" || event.key === "Escape") {
					event.preventDefault();
					end(event.key === "Enter");
				}
			} });
		let over = false;
		const end = async commit => {
			if (over)
				return;
			over = true;
			const name = input.value.trim(), changed = commit && name !== item.name, refusal = badName(name);
			if (changed && refusal)
				toast(refusal, { error: true });
			else if (changed)
				await actions.rename(item, name).then(() => {
					this.selectAfter = name;
					announce(t.renamed(item.name, name));
				}, complain);
			const focused = input === document.activeElement || document.activeElement === document.body;
			this.list.thaw();
			if (focused)
				this.list.focus();
		};
		this.list.freeze(item.key);
		put(row.querySelector(".name"), input);
		input.focus();
		const extension = item.kind === "file" ? extensionOf(item.name) : "";
		input.setSelectionRange(0, item.name.length - (extension && extension.length + 1));
	}

	#newFolder() {
		ask({
			title: t.newFolder, label: t.folderName, action: t.create, check: badName,
			commit: async name => {
				this.selectAfter = name;
				await actions.makeFolder(join(this.path, name));
				announce(t.created(name));
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
		const { signal } = this.off;
		const hear = (name, action) => addEventListener(name, action, { signal });
		const mark = (element, files) => {
			this.main.querySelectorAll(".target").forEach(one => one !== element && one.classList.remove("target"));
			element?.classList.add("target");
			this.main.classList.toggle("dropping", files);
		};
		//  What is dragged over which folder; nothing while a dialog is open
		const look = event => {
			const { types } = event.dataTransfer ?? { types: [] };
			const kind = document.querySelector("dialog[open]") ? null : types.includes(DRAGGED) ? "entries" : types.includes("Files") ? "files" : null;
			const { folder, element } = this.#target(event);
			return { files: kind === "files", useful: kind === "files" || kind === "entries" && folder !== this.path, folder, element,
				copy: kind === "files" || event.ctrlKey || event.altKey };
		};
		hear("dragover", event => {
			const { files, useful, element, copy } = look(event);
			if (useful) {
				event.preventDefault();
				event.dataTransfer.dropEffect = copy ? "copy" : "move";
			}
			mark(useful ? element : null, files && !element);
		});
		hear("dragleave", event => event.relatedTarget || mark(null, false));
		hear("dragend", () => mark(null, false));
		hear("drop", async event => {
			const { files, useful, folder, copy } = look(event);
			mark(null, false);
			if (!useful)
				return;
			event.preventDefault();
			if (files)
				this.#upload(folder, await filesOfDrop(event.dataTransfer, n => n % 100 || announce(T.uploads.preparing(n))).catch(complain));
			else
				(copy ? actions.copyTo : actions.moveTo)(JSON.parse(event.dataTransfer.getData(DRAGGED)), folder);
		});
		hear("paste", event => {
			if (event.clipboardData?.files.length && !event.target.closest?.("input, dialog"))
				this.#upload(this.path, filesOfInput(event.clipboardData.files));
		});
		hear("keydown", event => {
			if (event.key === "/" && !event.target.closest?.("input, textarea, dialog, [role=menu]") && !event.ctrlKey && !event.metaKey) {
				event.preventDefault();
				this.search.focus();
			}
		});
	}
}

function order({ by, down }) {
	const sign = down ? -1 : 1;
	const value = { name: () => 0, size: (a, b) => a.size - b.size, modified: (a, b) => a.modified - b.modified }[by];
	return (a, b) => (a.kind === b.kind ? 0 : a.kind === "folder" ? -1 : 1) || sign * (value(a, b) || compareNames(a.name, b.name));
}
