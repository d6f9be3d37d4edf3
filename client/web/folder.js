//  What is in one folder, kept true by events. It knows no element of the page.
import { get, pages } from "./api.js";
import { on } from "./events.js";
import { baseOf, isInside, join, parentOf } from "./format.js";

const FIRST_PAGE = 500;  //  Enough for the first view; the rest follows
const PAGE = 10000;
const FEW = 12;  //  So many changed entries are asked for one by one; more are a new listing
const PATIENCE_MS = 120;  //  Changes come in swarms
const RELOAD_MS = 1500;  //  At most one new listing in this time

//  What actors keep beside the files, for the page itself.
export const THUMBNAILS = ".thumbnails";
export const isHidden = path => path.split("/").includes(THUMBNAILS);

function itemOf(path, kind, size, modified, owner, id) {
	return { key: path, path, name: baseOf(path), kind, size, modified, owner, id };
}

//  The items of a page of a listing; a reply says one owner only if all have the same.
export const itemsOf = (page, paths = page.paths) => paths.map((path, n) => itemOf(path, page.kinds[n] === "d" ? "folder" : "file",
	page.sizes[n], page.modified_ms[n], page.owners[n] ?? page.owners[0], page.ids[n]));

export const itemOfStat = stat => itemOf(stat.path, stat.kind, stat.size, stat.modified_ms, stat.owner, stat.id);

//  changed (): the items differ. gone (event): the folder was moved or deleted. rights (): they may have changed. failed (error)
export function openFolder(path, { changed, gone = () => {}, rights = () => {}, failed = () => {} }) {
	const touched = new Set();  //  Names to ask for
	const stopper = new AbortController(), { signal } = stopper;
	const self = { items: new Map(), loading: true, load, close };  //  Items by name
	let timer = null, loaded = 0;  //  When the last listing began

	async function load() {
		loaded = performance.now();
		touched.clear();
		const fresh = new Map();
		const grow = self.items.size === 0;  //  Only a first listing may show itself half done
		try {
			for await (const page of pages("/entries", { path }, signal, [grow ? FIRST_PAGE : PAGE, PAGE])) {
				itemsOf(page, page.names.map(name => join(path, name))).forEach(item => fresh.set(item.name, item));
				if (grow || !page.more) {
					self.items = fresh;
					self.loading = page.more;
					changed();
				}
			}
		}
		catch (error) {
			if (error.name === "AbortError")
				return;
			self.loading = false;
			failed(error);
		}
	}

	function hear({ type, path: from, to }) {
		const leaves = type === "deleted" || type === "moved";
		if (leaves && isInside(path, from))
			return gone({ type, path: from, to });
		if ((type === "shared" || type === "unshared") && isInside(path, from)) {
			rights();
			return void load();
		}
		const arrived = to ?? (leaves ? null : from);
		if (arrived && parentOf(arrived) === path)
			touched.add(baseOf(arrived));
		const known = leaves && parentOf(from) === path && self.items.get(baseOf(from));
		if (known) {
			self.items.delete(known.name);
			touched.delete(known.name);
			if (to && parentOf(to) === path)  //  Renamed: all is known but for the name
				self.items.set(baseOf(to), { ...known, key: to, path: to, name: baseOf(to) });
			changed();
		}
		if (touched.size)
			timer ??= setTimeout(ask, touched.size > FEW ? RELOAD_MS : PATIENCE_MS);
	}

	async function ask() {
		timer = null;
		if (touched.size > FEW) {
			const wait = loaded + RELOAD_MS - performance.now();
			if (wait > 0)
				timer = setTimeout(ask, wait);
			else
				await load();
			return;
		}
		const names = [...touched];
		touched.clear();
		await Promise.all(names.map(async name => {
			try {
				self.items.set(name, itemOfStat(await get("/entry", { path: join(path, name) }, signal)));
			}
			catch (error) {
				if (error.code === "not_found")
					self.items.delete(name);
			}
		}));
		if (!signal.aborted)
			changed();
	}

	const offs = [on("file.", hear), on("gap", load)];

	function close() {
		offs.forEach(off => off());
		stopper.abort();
		clearTimeout(timer);
	}

	return self;
}
