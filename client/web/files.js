//  The view of files: where one is, what is there, and everything that can be done with it.
import { get, sentenceOf } from "./api.js";
import * as actions from "./actions.js";
import { crumbsOf, pathForPeople } from "./crumbs.js";
import { ask, complain, toast } from "./dialog.js";
import { h, button, icon, menuTool, put, announce, throttle, words, write } from "./dom.js";
import { filesOfDrop, filesOfInput } from "./drop.js";
import { on } from "./events.js";
import { THUMBNAILS, openFolder } from "./folder.js";
import { badName, baseOf, compareNames, extensionOf, isInside, join, parentOf, size } from "./format.js";
import { listOf } from "./list.js";
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

export function openFiles(main, path) {
	const crumbs = crumbsOf(path), here = crumbs.at(-1).name;
	const stopper = new AbortController(), { signal } = stopper;
	const searchBox = h("input", { type: "search", id: "search", placeholder: t.search, "aria-label": t.searchHint, autocomplete: "off",
		spellcheck: "false", "aria-keyshortcuts": "/", oninput: typed, onkeydown: searchKey });
	const bar = h("div.tools", { role: "group", "aria-label": t.actions });
	const emptyBox = h("div.empty"), summaryLine = h("p.summary.muted", { role: "status" });
	const list = listOf({
		label: t.listOf(here), scroller: main, sort: by => sortBy(by), open: openEntry, menu, changed: drawBar, drag: dragStart,
		heads: [["name", T.list.name, "name"], ["modified", T.list.modified, "modified"], ["size", T.list.size, "size"], ["more", T.list.actions]],
		row: (item, tiles) => entryRow(item, tiles, { columns: FILE_COLUMNS, menu,
			where: one => [found && parentOf(one.path) !== path && pathForPeople(parentOf(one.path)), one.snippet].filter(Boolean).join(" · ") }),
		keys: { F2: rename, Delete: () => actions.remove(list.pointed()), Backspace: up },
	});
	const content = openFolder(path, { changed: throttle(60, show), gone, failed, rights: askRights });
	let query = "", searching = false, finder, findTimer;
	let found = null;  //  Items elsewhere, or null while nobody searches
	let selectAfter = null;  //  Name to show when it appears
	let readOnly = false, failure = null, emptyShown = null, thumbnails = null;

	async function askRights() {
		if (isInside(path, home()))
			return;
		const { rights } = await get("/entry", { path }).catch(() => ({}));
		readOnly = rights !== "write" && rights !== "own";
		emptyShown = null;
		show();
	}

	function sortBy(by, down = sort.by === by ? !sort.down : by !== "name") {
		sort = { by, down };
		list.sorted(sort);
		show();
	}

	function drawBar() {
		const commands = list.chosen().length ? commandsOn(list.chosen).filter(command => command?.bar) : [];
		drawTools(bar, list, commands, `${layout} ${readOnly}`, plainTools);
	}

	function plainTools() {
		const upload = { label: t.uploadFiles, icon: "upload", action: () => choose(false) };
		const folder = { label: t.newFolder, icon: "folder-add", action: newFolder };
		const self = { path, name: baseOf(path), kind: "folder" };
		const view = (name, label, shape) => button(label, { iconOnly: true, "aria-pressed": String(layout === name), onclick: () => setLayout(name) }, shape);
		const order = (label, by, down) => ({ label, checked: sort.by === by && sort.down === down, action: () => sortBy(by, down) });
		return [
			readOnly ? h("span.badge", t.readOnly) : [
				button(t.upload, { class: "primary", onclick: upload.action }, upload.icon),
				button(folder.label, { class: "compact", onclick: folder.action }, folder.icon)],
			menuTool(t.more, event => openMenu([
				...(readOnly ? [] : [upload, { label: t.uploadFolder, icon: "folder-up", action: () => choose(true) }, folder, null]),
				{ label: T.list.chooseAll, icon: "check", keys: "Ctrl A", action: () => list.all() },
				actions.downloadCommand(() => [self]),
				path === home() ? false : actions.shareCommand(self),
			], t.more, { anchor: event.currentTarget })),
			h("span.grow"),
			menuTool(T.list.sortBy, event => openMenu([
				...["name", "modified", "size"].map(by => ({ label: T.list[by], checked: sort.by === by, action: () => sortBy(by, sort.down) })), null,
				order(T.list.ascending, sort.by, false), order(T.list.descending, sort.by, true),
			], T.list.sortBy, { anchor: event.currentTarget }), { icon: "sort", class: "quiet sorter" }),
			h("div.segments", { role: "group" }, view("list", T.list.asList, "rows"), view("tiles", T.list.asTiles, "tiles")),
		];
	}

	function setLayout(name) {
		layout = name;
		try {
			localStorage.setItem("layout", name);
		}
		catch {
			//  Forbidden: then it is as it was at the next visit
		}
		show();
		list.setTiles(name === "tiles");
		bar.querySelector("[aria-pressed=true]")?.focus();
	}

	function show() {
		showThumbnails();
		const text = query.toLowerCase();
		const items = [...content.items.values()].filter(item => item.name !== THUMBNAILS && item.name.toLowerCase().includes(text)).sort(order(sort));
		if (found) {
			const known = new Set(items.map(item => item.key));
			items.push(...found.filter(item => !known.has(item.key)));
		}
		list.setItems(items);
		if (selectAfter && content.items.has(selectAfter)) {
			const key = join(path, selectAfter);
			selectAfter = null;
			list.reveal(key);
			list.focus();
		}
		drawBar();
		summarize(items);
	}

	function summarize(items) {
		const nothing = !items.length;
		const state = !nothing ? "" : query ? searching ? "searching" : "no match" : content.loading ? "loading" : failure ? "failed" : "empty";
		if (emptyShown !== state + query)
			put(emptyBox, emptyOf(state));
		emptyShown = state + query;
		emptyBox.hidden = !nothing;
		const files = items.filter(item => item.kind === "file"), octets = files.reduce((sum, item) => sum + item.size, 0);
		write(summaryLine, query ? (searching ? t.foundMore : t.found)(items.length)
			: nothing ? "" : t.summary(items.length - files.length, files.length, files.length ? size(octets) : ""));
	}

	function emptyOf(state) {
		return {
			"searching": () => words("search", t.searching),
			"no match": () => words("search", t.noMatch(query), t.noMatchLead),
			"loading": () => h("div.skeleton", { role: "status", "aria-label": T.loading }, Array.from({ length: 6 }, () => h("div"))),
			"failed": () => words("warning", t.failedTitle, sentenceOf(failure),
				button(T.tryAgain, { class: "primary", onclick: again }, "retry")),
			"empty": () => readOnly ? words("folder-open", t.emptyReadOnly) : words("folder-open", t.emptyTitle, t.emptyLead, h("p.buttons",
				button(t.uploadFiles, { onclick: () => choose(false) }, "upload"),
				button(t.uploadFolder, { onclick: () => choose(true) }, "folder-up"))),
		}[state]?.() ?? [];
	}

	//  What an actor made of the files: listed once for tiles, then kept true by events.
	function showThumbnails() {
		const { items } = content;
		if (layout !== "tiles" || !items.has(THUMBNAILS))
			return;
		if (!thumbnails) {
			thumbnails = openFolder(join(path, THUMBNAILS), { changed: throttle(300, show) });
			thumbnails.load();
		}
		const newest = new Map();  //  Id of a file to { version, path }
		for (const { name, path } of thumbnails.items.values()) {
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

	function again() {
		failure = null;
		content.loading = true;
		show();
		content.load();
	}

	function failed(error) {
		failure = error;
		emptyShown = null;
		if (error.code === "not_found" || error.code === "denied")
			content.items.clear();
		show();
		if (content.items.size)
			complain(error);
	}

	function gone(event) {
		const moved = event.type === "moved";
		toast(moved ? t.goneMoved : t.goneDeleted);
		go(link("files", moved ? event.to + path.slice(event.path.length) : parentOf(event.path)), { replace: true });
	}

	//  --- Searching: here at once, everywhere below a moment later

	function typed() {
		query = searchBox.value.trim();
		finder?.abort();
		clearTimeout(findTimer);
		found = query ? [] : null;
		searching = !!query;
		if (query)
			findTimer = setTimeout(lookFurther, FIND_AFTER_MS);
		main.scrollTop = 0;
		show();
	}

	//  What was deleted or moved is found no more.
	function forget({ type, path }) {
		if (found && (type === "deleted" || type === "moved")) {
			found = found.filter(item => !isInside(item.path, path));
			show();
		}
	}

	async function lookFurther() {
		const mine = finder = new AbortController();
		try {
			for await (const items of find(path, query, mine.signal)) {
				const known = new Set(found.map(item => item.key));
				found.push(...items.filter(item => !known.has(item.key)));
				show();
			}
		}
		catch (error) {
			complain(error);
		}
		if (mine.signal.aborted)
			return;
		searching = false;
		show();
	}

	function searchKey(event) {
		if (event.key === "Escape" && searchBox.value) {
			searchBox.value = "";
			typed();
		}
		else if (event.key === "ArrowDown" && list.items.length)
			list.focus();
		else if (event.key === "Enter" && list.items.length)
			openEntry(list.items[0]);
		else
			return;
		event.preventDefault();
	}

	function up() {
		if (path !== home() && path !== "/")
			go(link("files", parentOf(path)));
	}

	function commandsOn(things) {
		const one = things().length === 1 && things()[0], file = one?.kind === "file";
		const into = (words, action, without) => async () => {
			const which = things();
			const folder = await chooseFolder(path, { title: words.title(which.length), action: words.here, without: without ? which : [] });
			if (folder)
				action(which, folder);
		};
		return [
			one && actions.openCommand(one),
			actions.downloadCommand(things),
			null,
			one && { label: t.rename, icon: "rename", keys: "F2", bar: true, action: () => rename(one) },
			{ label: t.move, icon: "move", bar: true, action: into({ title: t.moveTitle, here: t.moveHere }, actions.moveTo, true) },
			{ label: t.copy, icon: "copy", bar: true, action: into({ title: t.copyTitle, here: t.copyHere }, actions.copyTo) },
			one && actions.shareCommand(one),
			...(file ? actions.fileCommands(one) : []),
			null,
			{ label: t.remove, icon: "trash", keys: "Del", danger: true, bar: true, action: () => actions.remove(things()) },
		];
	}

	function menu(item, place) {
		const chosen = list.chosen().includes(item) ? list.chosen() : [item];
		openMenu(commandsOn(() => chosen), T.list.more(item.name), place);
	}

	function rename(item) {
		const row = list.elementOf(item.key);
		if (!row)
			return;
		const input = h("input.rename", { value: item.name, "aria-label": t.renameLabel(item.name), autocomplete: "off", spellcheck: "false",
			onblur: () => end(true), onkeydown: event => {
				event.stopPropagation();
				if (event.key === "Enter" || event.key === "Escape")
					end(event.key === "Enter");
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
					selectAfter = name;
					announce(t.renamed(item.name, name));
				}, complain);
			const focused = input === document.activeElement || document.activeElement === document.body;
			list.thaw();
			if (focused)
				list.focus();
		};
		list.freeze(item.key);
		put(row.querySelector(".name"), input);
		input.focus();
		const extension = item.kind === "file" ? extensionOf(item.name) : "";
		input.setSelectionRange(0, item.name.length - (extension && extension.length + 1));
	}

	function newFolder() {
		ask({
			title: t.newFolder, label: t.folderName, action: t.create, check: badName,
			commit: async name => {
				selectAfter = name;
				await actions.makeFolder(join(path, name));
				announce(t.created(name));
			},
		});
	}

	function choose(folders) {
		const input = h("input", { type: "file", multiple: true, webkitdirectory: folders,
			onchange: () => uploadTo(path, filesOfInput(input.files)) });
		input.click();
	}

	//  what: files and folders, or a promise of them.
	async function uploadTo(folder, what) {
		try {
			await upload.add(folder, await what);
		}
		catch (error) {
			complain(error);
		}
	}

	//  --- Dragging: files of the machine into a folder, entries of the store onto folders and breadcrumbs

	function dragStart(event, chosen) {
		event.dataTransfer.setData(DRAGGED, JSON.stringify(chosen.map(({ path, name, kind }) => ({ path, name, kind }))));
		event.dataTransfer.effectAllowed = "copyMove";
		const ghost = h("div.ghost", icon(chosen[0].kind === "folder" ? "folder" : "file"),
			chosen.length === 1 ? chosen[0].name : T.list.selected(chosen.length));
		document.body.append(ghost);
		event.dataTransfer.setDragImage(ghost, 16, 16);
		setTimeout(() => ghost.remove());
	}

	//  The folder below the pointer, and the element to mark.
	function targetOf(event) {
		const crumb = event.target.closest?.("[data-folder]");
		if (crumb)
			return { folder: crumb.dataset.folder, element: crumb };
		const row = event.target.closest?.("[role=row][data-key]");
		const item = row && list.itemOf(row.dataset.key);
		return item?.kind === "folder" ? { folder: item.path, element: row } : { folder: path, element: null };
	}

	const hear = (name, action) => addEventListener(name, action, { signal });
	const mark = (element, files) => {
		document.querySelectorAll(".target").forEach(one => one !== element && one.classList.remove("target"));
		element?.classList.add("target");
		main.classList.toggle("dropping", files);
	};
	const look = event => {
		const { types } = event.dataTransfer ?? { types: [] };
		const kind = document.querySelector("dialog[open]") ? null : types.includes(DRAGGED) ? "entries" : types.includes("Files") ? "files" : null;
		const { folder, element } = targetOf(event);
		return { files: kind === "files", useful: kind === "files" || kind === "entries" && folder !== path, folder, element,
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
	hear("drop", event => {
		const { files, useful, folder, copy } = look(event);
		mark(null, false);
		if (!useful)
			return;
		event.preventDefault();
		if (files)
			uploadTo(folder, filesOfDrop(event.dataTransfer, n => n % 100 || announce(T.uploads.preparing(n))));
		else
			(copy ? actions.copyTo : actions.moveTo)(JSON.parse(event.dataTransfer.getData(DRAGGED)), folder);
	});
	hear("paste", event => {
		if (event.clipboardData?.files.length && !event.target.closest?.("input, dialog"))
			uploadTo(path, filesOfInput(event.clipboardData.files));
	});
	hear("keydown", event => {
		if (event.key === "/" && !event.target.closest?.("input, textarea, dialog, [role=menu]") && !event.ctrlKey && !event.metaKey) {
			event.preventDefault();
			searchBox.focus();
		}
	});

	const trail = h("ol", crumbs.map(crumb => h("li", crumb.path === path
		? h("h1", { tabindex: -1, "aria-current": "page", "data-folder": path }, crumb.name)
		: [h("a", { href: crumb.href, "data-folder": crumb.path }, crumb.name), icon("right")])));
	put(main, h("header.bar", h("nav.crumbs", { "aria-label": t.path }, trail), h("div.search", icon("search"), searchBox)),
		bar, list.element, emptyBox, summaryLine, h("div.dropzone", { "aria-hidden": "true" }, icon("upload"), h("p", t.dropHere(here))));
	trail.scrollLeft = trail.scrollWidth;
	document.title = T.title(here);
	list.sorted(sort);
	list.setTiles(layout === "tiles");
	const deaf = on("file.", forget);
	content.load();
	askRights();
	show();
	return {
		//  A search shows this path: a preview of it must not end the search
		holds: one => !!query && !!list.itemOf(one),
		//  A preview was closed: go on with the file that was looked at last
		returned(one) {
			list.reveal(one);
			list.focus();
		},
		close() {
			deaf();
			content.close();
			thumbnails?.close();
			finder?.abort();
			clearTimeout(findTimer);
			stopper.abort();
		},
	};
}

function order({ by, down }) {
	const sign = down ? -1 : 1;
	const value = { name: () => 0, size: (a, b) => a.size - b.size, modified: (a, b) => a.modified - b.modified }[by];
	return (a, b) => (a.kind === b.kind ? 0 : a.kind === "folder" ? -1 : 1) || sign * (value(a, b) || compareNames(a.name, b.name));
}
