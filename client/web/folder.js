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

export class Folder {
	items = new Map();  //  Name to item
	loading = true;
	#touched = new Set();  //  Names to ask for
	#timer = null;
	#loaded = 0;  //  When the last listing began
	#stopper = new AbortController();

	//  changed (): the items differ. gone (event): the folder was moved or deleted. rights (): they may have changed. failed (error)
	constructor(path, heard) {
		Object.assign(this, { path, rights() {}, gone() {}, failed() {}, ...heard });
		this.offs = [on("file.", event => this.#hear(event)), on("gap", () => this.load())];
	}

	close() {
		this.offs.forEach(off => off());
		this.#stopper.abort();
		clearTimeout(this.#timer);
	}

	async load() {
		this.#loaded = performance.now();
		this.#touched.clear();
		const fresh = new Map();
		const grow = this.items.size === 0;  //  Only a first listing may show itself half done
		try {
			for await (const page of pages("/entries", { path: this.path }, this.#stopper.signal, [grow ? FIRST_PAGE : PAGE, PAGE])) {
				itemsOf(page, page.names.map(name => join(this.path, name))).forEach(item => fresh.set(item.name, item));
				if (grow || !page.more) {
					this.items = fresh;
					this.loading = page.more;
					this.changed();
				}
			}
		}
		catch (error) {
			if (error.name === "AbortError")
				return;
			this.loading = false;
			this.failed(error);
		}
	}

	#hear(event) {
		const leaves = event.type === "deleted" || event.type === "moved";
		if (leaves && isInside(this.path, event.path))
			return this.gone(event);
		if ((event.type === "shared" || event.type === "unshared") && isInside(this.path, event.path)) {
			this.rights();
			return void this.load();
		}
		const arrived = event.to ?? (leaves ? null : event.path);
		if (arrived && parentOf(arrived) === this.path)
			this.#touched.add(baseOf(arrived));
		const known = leaves && parentOf(event.path) === this.path && this.items.get(baseOf(event.path));
		if (known) {
			this.items.delete(known.name);
			this.#touched.delete(known.name);
			if (event.to && parentOf(event.to) === this.path)  //  Renamed: all is known but for the name
				this.items.set(baseOf(event.to), { ...known, key: event.to, path: event.to, name: baseOf(event.to) });
			this.changed();
		}
		if (this.#touched.size)
			this.#timer ??= setTimeout(() => this.#ask(), this.#touched.size > FEW ? RELOAD_MS : PATIENCE_MS);
	}

	async #ask() {
		this.#timer = null;
		if (this.#touched.size > FEW) {
			const wait = this.#loaded + RELOAD_MS - performance.now();
			if (wait > 0)
				this.#timer = setTimeout(() => this.#ask(), wait);
			else
				await this.load();
			return;
		}
		const names = [...this.#touched];
		this.#touched.clear();
		await Promise.all(names.map(async name => {
			try {
				const stat = await get("/entry", { path: join(this.path, name) }, this.#stopper.signal);
				this.items.set(name, itemOfStat(stat));
			}
			catch (error) {
				if (error.code === "not_found")
					this.items.delete(name);
			}
		}));
		if (!this.#stopper.signal.aborted)
			this.changed();
	}
}
