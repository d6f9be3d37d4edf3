//  The engine of uploads: a queue, a few at once, each can pause and go on (tus 1.0.0). It knows no element of the page.
//
//  States: waiting -> sending -> (storing) -> done. From sending also: paused, retrying, failed, exists (asks), skipped. lost: begun
//  by an earlier page, so the file must be chosen again or, where the browser keeps a handle, be allowed again.
import { API, ApiError, GUARD, errorOf, fileUrl, get, post, tellSignedOut } from "./api.js";
import { tell } from "./events.js";
import { baseOf, freeName, join, parentOf } from "./format.js";
import * as handles from "./handles.js";
import { T } from "./text.js";

const AT_ONCE = 3;
const SMALL_BYTES = 1 << 20;  //  At most so large goes in one request, which is atomic
const WAIT_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const RATE_MS = 4000;  //  The rate is of this time
const ASIDE = { sent: 0, state: "" };  //  For requests that send no content
const TUS = { "Tus-Resumable": "1.0.0" };

const OPEN = ["waiting", "sending", "storing", "retrying", "exists"];  //  Goes on by itself, or asks
const WORKING = ["sending", "storing"];

const items = [];
const samples = [];  //  { at, octets } sent lately
let changed = null, askPerson = null;  //  Of the panel
let asking = Promise.resolve(); //  One question at a time
let always = null;  //  The answer for all others of this batch
let serial = 0;

export const all = () => items;

//  changed () may be called often; conflict (item, several) gives { choice, all }.
export function watch(heard) {
	({ changed, conflict: askPerson } = heard);
}

const is = (item, states) => states.includes(item.state);

export const isOpen = item => !is(item, ["done", "failed", "skipped"]);

export const busy = () => items.some(item => is(item, OPEN));

//  Folders are made first, empty ones too.
export async function add(folder, { files, folders }) {
	if (!busy())
		always = null;
	for (const path of folders) {
		await post("/folders", { path: join(folder, path), parents: true });
		tell("file.folder", { type: "folder", path: join(folder, path) });
	}
	for (const { file, path, handle } of files)
		enqueue(join(folder, path), { file, handle, size: file.size, sent: 0, state: "waiting", modified: file.lastModified });
	pump();
}

const enqueue = (path, more) => items.push({ id: ++serial, path, name: baseOf(path), tries: 0, ...more });

function pump() {
	const free = AT_ONCE - items.filter(item => is(item, WORKING)).length;
	for (const next of items.filter(item => item.state === "waiting").slice(0, Math.max(0, free))) {
		next.state = "sending";
		run(next);
	}
	changed();
}

async function run(item) {
	try {
		if (item.url)
			item.sent = await offsetOf(item);
		if (item.state === "sending")
			await (item.file.size <= SMALL_BYTES && !item.url ? sendWhole(item) : sendParts(item));
		if (is(item, WORKING))
			finish(item);
	}
	catch (error) {
		await failed(item, error);
	}
	pump();
}

function finish(item) {
	item.state = "done";
	item.sent = item.size;
	item.error = null;
	handles.forget(item.url);
	item.file = item.handle = null;
	tell("file.committed", { type: "committed", path: item.path });
}

async function failed(item, error) {
	if (is(item, ["paused", "cancelled"]))
		return;
	if (error.code === "exists")
		return conflict(item);
	if (error.code === "gone") {  //  The upload's time is over, or another page ended it
		item.url = null;
		item.sent = 0;
		error = new ApiError(0, "gone", T.advice.unknown);
	}
	else if (error.name === "NotReadableError" || error.name === "NotFoundError")
		error = new ApiError(400, "unreadable", T.uploads.unreadable);
	item.error = error;
	if (error instanceof ApiError && error.passing && item.tries < 50) {
		const wait = WAIT_MS[Math.min(item.tries++, WAIT_MS.length - 1)];
		item.state = "retrying";
		item.retryAt = Date.now() + wait;
		item.timer = setTimeout(() => waitOver(item), wait);
	}
	else
		item.state = "failed";
}

function waitOver(item) {
	clearTimeout(item.timer);
	if (item.state === "retrying") {
		item.state = "waiting";
		pump();
	}
}

//  The connection is back.
export function hurry() {
	items.forEach(waitOver);
}

async function conflict(item) {
	item.state = "exists";
	changed();
	const { choice } = await (asking = asking.then(() => ask(item)));
	if (item.state !== "exists")
		return;
	if (choice === "replace")
		item.replace = true;
	else if (choice === "keep")
		rename(item);
	item.state = choice === "skip" ? "skipped" : "waiting";
	pump();
}

async function ask(item) {
	const several = items.some(other => other !== item && isOpen(other));
	const answer = item.taken ? { choice: "keep" } : always ? { choice: always } : await askPerson(item, several);
	if (answer.all)
		always = answer.choice;
	return answer;
}

//  "a (2).txt"; if that is taken too, the upload itself tells, and the next one is tried.
function rename(item) {
	item.taken ??= new Set();
	const name = freeName(item.name, candidate => item.taken.has(candidate));
	item.taken.add(name);
	item.path = join(parentOf(item.path), name);
}

//  One request with progress; fetch has none for what is sent.
function send(item, method, url, headers, body) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		const base = item.sent;
		let last = 0;
		item.request = request;
		request.open(method, url);
		for (const [name, value] of Object.entries({ ...GUARD, ...headers }))
			request.setRequestHeader(name, value);
		request.upload.onprogress = event => {
			sample(event.loaded - last);
			last = event.loaded;
			item.sent = Math.min(item.size, base + event.loaded);
			item.tries = 0;
			changed();
		};
		request.upload.onload = () => {
			if (item.state === "sending") {
				item.state = "storing";  //  All is sent; the answer comes when it is durable
				changed();
			}
		};
		request.onload = () => {
			if (request.status >= 200 && request.status < 300)
				return resolve(request);
			if (request.status === 401)
				tellSignedOut();
			const error = errorOf(request.status, request.responseText);
			if ((request.status === 404 || request.status === 410) && item.url)
				error.code = "gone";
			reject(error);
		};
		request.onerror = request.ontimeout = () => reject(errorOf(0, ""));
		request.onabort = () => reject(new DOMException("aborted", "AbortError"));
		request.send(body);
	});
}

async function sendWhole(item) {
	item.sent = 0;
	await send(item, "PUT", fileUrl(item.path), {
		"Content-Type": "application/octet-stream", "X-Modified-Ms": item.modified,
		...(item.replace ? {} : { "If-None-Match": "*" }),
	}, item.file).catch(error => {
		throw error.status === 412 && !item.replace ? Object.assign(error, { code: "exists" }) : error;
	});
}

async function sendParts(item) {
	if (!item.url)
		await create(item);
	while (item.sent < item.size && item.state === "sending") {
		const reply = await send(item, "PATCH", item.url, {
			...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": item.sent,
		}, item.file.slice(item.sent));
		item.sent = Number(reply.getResponseHeader("Upload-Offset"));
		if (item.sent < item.size)
			item.state = "sending";
	}
}

async function create(item) {
	const metadata = { path: item.path, modified_ms: item.modified, ...(item.replace ? { replace: true } : {}) };
	const reply = await send(ASIDE, "POST", `${API}/uploads`, {
		...TUS, "Upload-Length": item.size,
		"Upload-Metadata": Object.entries(metadata).map(([name, value]) => `${name} ${base64(value)}`).join(","),
	});
	item.url = new URL(reply.getResponseHeader("Location"), location.href).pathname;
	handles.hold(item.url);
	if (item.handle)
		handles.keep(item.url, item.handle);
}

async function offsetOf(item) {
	try {
		const request = await send(ASIDE, "HEAD", item.url, TUS);
		return Number(request.getResponseHeader("Upload-Offset"));
	}
	catch (error) {
		if (error.status !== 404 && error.status !== 410)
			throw error;
		item.url = null;  //  Begin anew
		return 0;
	}
}

const base64 = text => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

export function pause(item) {
	if (!is(item, OPEN) || item.state === "exists")
		return;
	item.state = "paused";
	clearTimeout(item.timer);
	item.request?.abort();
	pump();
}

export function resume(item) {
	if (!is(item, ["paused", "failed", "retrying"]))
		return;
	clearTimeout(item.timer);
	item.state = "waiting";
	item.error = null;
	item.tries = 0;
	pump();
}

//  Forget it, also what the server has of it.
export function cancel(item) {
	item.state = "cancelled";
	clearTimeout(item.timer);
	item.request?.abort();
	items.splice(items.indexOf(item), 1);
	if (item.url) {
		handles.forget(item.url);
		send(ASIDE, "DELETE", item.url, TUS).catch(() => {});  //  It expires by itself otherwise
	}
	pump();
}

export function forgetFinished() {
	for (let n = items.length - 1; n >= 0; n--)
		if (!isOpen(items[n]))
			items.splice(n, 1);
	changed();
}

//  What an earlier page began, but for what another one is sending right now.
export async function findUnfinished() {
	const { uploads } = await get("/uploads");
	const elsewhere = await handles.held();
	for (const upload of uploads) {
		const url = `${API}/uploads/${upload.id}`;
		if (elsewhere.has(url) || items.some(item => item.url === url))
			continue;
		enqueue(upload.path, { handle: await handles.find(url), size: upload.size, sent: upload.offset, state: "lost", modified: upload.modified_ms, url });
	}
	changed();
}

//  Go on with a file that was chosen again; a sentence if it is another one.
export function attach(item, file) {
	if (file.name !== item.name && baseOf(item.path) !== file.name || file.size !== item.size)
		return T.uploads.wrongFile(item.name);
	if (item.modified && Math.abs(file.lastModified - item.modified) > 2000)
		return T.uploads.changed;
	item.file = file;
	item.state = "waiting";
	handles.hold(item.url);
	pump();
	return null;
}

export async function allow(item) {
	if (await item.handle.requestPermission({ mode: "read" }) === "granted")
		return attach(item, await item.handle.getFile());
	return T.uploads.lost;
}

function sample(octets) {
	const now = performance.now();
	samples.push({ at: now, octets });
	while (samples[0].at < now - RATE_MS)
		samples.shift();
}

export function figures() {
	const mine = items.filter(item => !is(item, ["lost", "skipped"]));
	const sum = key => mine.reduce((all, item) => all + item[key], 0), size = sum("size"), sent = sum("sent");
	const now = performance.now();
	const recent = samples.filter(one => one.at >= now - RATE_MS);
	const span = recent.length ? Math.max(500, now - recent[0].at) : 0;
	const rate = span ? recent.reduce((all, one) => all + one.octets, 0) / span * 1000 : 0;
	const state = (...names) => items.filter(item => is(item, names)).length;
	return { all: mine.length, done: state("done"), failed: state("failed"), paused: state("paused"), lost: state("lost"),
		active: state(...WORKING), size, sent, rate, left: rate > 0 ? (size - sent) / rate * 1000 : null };
}

addEventListener("beforeunload", event => {
	if (busy())
		event.preventDefault();
});
