//  What can be done with entries of the store: rename, move, copy, delete, download. Each tells what became of it.
import { ApiError, del, fileUrl, post, sentenceOf, zipUrl } from "./api.js";
import { complain, openDialog, toast } from "./dialog.js";
import { h, button } from "./dom.js";
import { tell } from "./events.js";
import { baseOf, freeName, isInside, join, parentOf } from "./format.js";
import { go, link } from "./router.js";
import { openEntry } from "./rows.js";
import { openShare } from "./share.js";
import { T } from "./text.js";
import { openVersions } from "./versions.js";

const t = T.files;
const AT_ONCE = 4;
const ZIP_URL_MAX = 6000;  //  What a request line may have with some room

//  Commands for menus and bars. "things" gives what it is about when the command is chosen.
export const openCommand = item => item.kind === "file" ? { label: t.preview, icon: "eye", keys: "Enter", action: () => openEntry(item) }
	: { label: t.open, icon: "folder-open", keys: "Enter", action: () => openEntry(item) };
export const downloadCommand = things => ({ label: isZip(things()) ? t.downloadZip : t.download, icon: "download", bar: true, action: () => download(things()) });
export const shareCommand = item => ({ label: t.share, icon: "share", bar: true, action: () => openShare(item) });
export const fileCommands = item => [
	{ label: t.versions, icon: "history", action: () => openVersions(item) },
	{ label: t.places, icon: "cluster", action: () => go(link("cluster", item.path)) },
];

//  An action for each thing, some at once. Gives the results that are there, tells of the others.
export async function each(things, action) {
	const results = [], errors = [];
	const queue = [...things];
	await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, async () => {
		for (let thing; (thing = queue.shift()) !== undefined;)
			await action(thing).then(result => results.push(result), error => errors.push(error));
	}));
	if (errors.length === 1)
		complain(errors[0]);
	else if (errors.length)
		toast(`${t.someFailed(errors.length, things.length)} ${sentenceOf(errors[0])}`, { error: true });
	return results.filter(result => result !== null);
}

//  Ask what to do with a name that is taken: "replace", "keep" or "skip". With "all", for the rest as well.
export function askConflict(name, several, lead = T.conflict.lead) {
	return new Promise(resolve => {
		const all = h("input", { type: "checkbox", id: "conflict-all" });
		const answer = choice => () => dialog.close(choice);
		const dialog = openDialog({
			title: T.conflict.title(name),
			body: [h("p", lead), several && h("p.check", all, h("label", { for: "conflict-all" }, T.conflict.all))],
			actions: [
				button(T.conflict.skip, { onclick: answer("skip") }),
				button(T.conflict.replace, { onclick: answer("replace") }),
				button(T.conflict.keep, { class: "primary", autofocus: true, onclick: answer("keep") }),
			],
			onclose: choice => resolve({ choice: choice || "skip", all: all.checked }),
		});
	});
}

const told = (type, path, to) => tell(`file.${type}`, { type, path, to });

async function move(from, to, options) {
	await post("/move", { from, to, ...options });
	told("moved", from, to);
}

export const rename = (item, name) => move(item.path, join(parentOf(item.path), name));

//  A name that is taken is asked about; "Undo" moves back.
export async function moveTo(things, folder) {
	const wanted = things.filter(thing => parentOf(thing.path) !== folder);
	if (wanted.some(thing => isInside(folder, thing.path)))
		return toast(t.intoItself, { error: true });
	const moved = await transfer(move, wanted, folder);
	if (moved.length)
		toast(t.moved(moved.length, baseOf(folder) || "/"), { label: T.undo, action: () => each(moved, pair => move(pair.to, pair.from)) });
}

export async function copyTo(things, folder) {
	const copied = await transfer(async (from, to, options) => {
		await post("/copy", { from, to, recursive: true, ...options });
		told("copied", from, to);
	}, things, folder);
	if (copied.length)
		toast(t.copied(copied.length, baseOf(folder) || "/"));
}

//  action (from, to, options) for each thing, into a folder. Gives what was done: [{ from, to }].
async function transfer(action, things, folder) {
	let always = null;
	const one = async (thing, name, options) => {
		const to = join(folder, name);
		await action(thing.path, to, options);
		return { from: thing.path, to };
	};
	//  One after another: a question must be answered before the next is asked
	const results = [];
	for (const thing of things)
		results.push(...await each([thing], async () => {
			try {
				return await one(thing, thing.name);
			}
			catch (error) {
				if (error.code !== "exists")
					throw error;
				const answer = always ? { choice: always } : await askConflict(thing.name, things.length > 1, T.conflict.leadMove);
				if (answer.all)
					always = answer.choice;
				if (answer.choice === "skip")
					return null;
				return answer.choice === "replace" ? one(thing, thing.name, { replace: true }) : keepBoth(thing, one);
			}
		}));
	return results;
}

async function keepBoth(thing, one) {
	const taken = new Set([thing.name]);
	for (let tries = 0; ; tries++) {
		const name = freeName(thing.name, candidate => taken.has(candidate));
		try {
			return await one(thing, name);
		}
		catch (error) {
			if (!(error instanceof ApiError) || error.code !== "exists" || tries === 100)
				throw error;
			taken.add(name);
		}
	}
}

//  To the trash, with a way back.
export async function remove(things) {
	const trashed = await each(things, async thing => {
		const reply = await del("/entry", { path: thing.path, recursive: thing.kind === "folder" ? true : undefined });
		told("deleted", thing.path);
		return { path: thing.path, trash: reply.trash };
	});
	if (trashed.length)
		toast(t.removed(trashed.length, baseOf(trashed[0].path)), { label: T.undo, action: () => untrash(trashed) });
}

async function untrash(trashed) {
	const restored = await each(trashed, async one => {
		const { path } = await post("/restore", one.trash ? { trash: one.trash } : { path: one.path });
		told("restored", path);
		return path;
	});
	if (restored.length)
		toast(t.restored(restored.length));
}

export async function makeFolder(path) {
	await post("/folders", { path });
	told("folder", path);
}

const isZip = things => things.length > 1 || things[0].kind === "folder";

export function download(things) {
	const zip = isZip(things);
	const url = zip ? zipUrl(things.map(thing => thing.path)) : fileUrl(things[0].path, { download: true });
	if (url.length > ZIP_URL_MAX)
		return toast(t.tooManyForZip, { error: true });
	h("a", { href: url, download: zip ? "" : things[0].name }).click();
}
