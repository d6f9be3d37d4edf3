//  What can be done with entries of the store: rename, move, copy, delete, download. Each tells what became of it.
import { ApiError, del, fileUrl, post, zipUrl } from "./api.js";
import { complain, openDialog, toast } from "./dialog.js";
import { h, button } from "./dom.js";
import { tell } from "./events.js";
import { baseOf, freeName, isInside, join, parentOf } from "./format.js";
import { T } from "./text.js";

const AT_ONCE = 4;
const ZIP_URL_MAX = 6000;  //  What a request line may have with some room

//  Run an action for each thing, some at once. Gives the results of those that worked; tells of those that did not.
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
		toast(`${T.files.someFailed(errors.length, things.length)} ${errors[0].sentence ?? errors[0].message}`, { error: true });
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

export async function rename(item, name) {
	const to = join(parentOf(item.path), name);
	await post("/move", { from: item.path, to });
	tell("file.moved", { type: "moved", path: item.path, to });
}

//  Put things into another folder. A name that is taken there is asked about; "Undo" moves them back.
export async function moveTo(things, folder) {
	const wanted = things.filter(thing => parentOf(thing.path) !== folder);
	if (wanted.some(thing => isInside(folder, thing.path)))
		return toast(T.files.intoItself, { error: true });
	const moved = await transfer("/move", wanted, folder, {});
	if (moved.length)
		toast(T.files.moved(moved.length, baseOf(folder) || "/"), { label: T.undo, action: () => each(moved, async pair => {
			await post("/move", { from: pair.to, to: pair.from });
			tell("file.moved", { type: "moved", path: pair.to, to: pair.from });
		}) });
}

export async function copyTo(things, folder) {
	const copied = await transfer("/copy", things, folder, { recursive: true });
	if (copied.length)
		toast(T.files.copied(copied.length, baseOf(folder) || "/"));
}

async function transfer(route, things, folder, options) {
	let always = null;
	const one = async (thing, name, extra = {}) => {
		const to = join(folder, name);
		await post(route, { from: thing.path, to, ...(thing.kind === "folder" ? options : {}), ...extra });
		const type = route === "/move" ? "moved" : "copied";
		tell(`file.${type}`, { type, path: thing.path, to });
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
		tell("file.deleted", { type: "deleted", path: thing.path });
		return { path: thing.path, trash: reply.trash };
	});
	if (trashed.length)
		toast(T.files.removed(trashed.length, baseOf(trashed[0].path)), { label: T.undo, action: () => untrash(trashed) });
}

async function untrash(trashed) {
	const restored = await each(trashed, async one => {
		const { path } = await post("/restore", one.trash ? { trash: one.trash } : { path: one.path });
		tell("file.restored", { type: "restored", path });
		return path;
	});
	if (restored.length)
		toast(T.files.restored(restored.length));
}

export async function makeFolder(path) {
	await post("/folders", { path });
	tell("file.folder", { type: "folder", path });
}

export function download(things) {
	const zip = things.length > 1 || things[0].kind === "folder";
	const url = zip ? zipUrl(things.map(thing => thing.path)) : fileUrl(things[0].path, { download: true });
	if (url.length > ZIP_URL_MAX)
		return toast(T.files.tooManyForZip, { error: true });
	h("a", { href: url, download: zip ? "" : things[0].name }).click();
}
