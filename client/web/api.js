//  The one door to the bridge: JSON in, JSON or an ApiError out.
import { T } from "./text.js";
import { encodePath } from "./format.js";

export const API = "/api/v1";

export class ApiError extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
	//  What happened and what to do.
	get sentence() {
		const advice = this.advice ?? T.advice[this.code];
		const text = this.message ? this.message[0].toUpperCase() + this.message.slice(1) : T.advice.unknown;
		return (/[.!?]$/.test(text) ? text : `${text}.`) + (advice ? ` ${advice}` : "");
	}
	//  It may succeed a little later.
	get passing() {
		return this.status === 0 || this.status === 429 || this.status >= 502 && this.status !== 507;
	}
}

export const sentenceOf = error => error instanceof ApiError ? error.sentence : `${T.advice.bug} (${error.message})`;

const signedOut = new Set();
export const onSignedOut = listener => signedOut.add(listener);

//  The session ended elsewhere: every door tells, one place acts.
export function tellSignedOut() {
	signedOut.forEach(listener => listener());
}

export function errorOf(status, text) {
	let reply = {};
	try {
		reply = JSON.parse(text);
	}
	catch {
		//  Not from the bridge: a proxy, or nobody
	}
	return new ApiError(status, reply.code ?? (status === 0 ? "offline" : "unknown"),
		reply.message ?? (status === 0 ? T.offline.sentence : T.httpStatus(status)));
}

//  What a request that changes something must carry, so that other sites cannot forge it.
export const GUARD = { "X-Filestore": "1" };

export async function call(method, path, { query, body, signal } = {}) {
	const url = (path.startsWith("/bus/") ? "" : API) + path + (query ? `?${queryOf(query)}` : "");
	const headers = method === "GET" ? {} : { ...GUARD };
	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	let response, text;
	try {
		response = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store" });
		text = await response.text();
	}
	catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw errorOf(0, "");
	}
	if (!response.ok) {
		const error = errorOf(response.status, text);
		if (response.status === 401 && error.code !== "wrong_password")
			tellSignedOut();
		throw error;
	}
	return text ? JSON.parse(text) : {};
}

//  Arrays repeat the name; what is undefined is left out.
function queryOf(fields) {
	const query = new URLSearchParams();
	for (const [name, value] of Object.entries(fields))
		for (const one of Array.isArray(value) ? value : [value])
			if (one !== undefined)
				query.append(name, one);
	return query.toString();
}

export const get = (path, query, signal) => call("GET", path, { query, signal });

//  for await (const page of pages ("/trash", {})). Limits: of the first page and of the others.
export async function* pages(path, query, signal, limits = []) {
	for (let more = true, after; more;) {
		const page = await get(path, { ...query, after, limit: (after === undefined ? limits[0] : limits[1]) ?? query.limit }, signal);
		yield page;
		after = page.next ?? page.names?.at(-1) ?? page.versions?.at(-1)?.version;
		more = page.more && after !== undefined;
	}
}

export const post = (path, body) => call("POST", path, { body });
export const put = (path, body) => call("PUT", path, { body });
export const del = (path, query) => call("DELETE", path, { query });

//  Any command of any service.
export const bus = (service, command, body, signal) => call("POST", `/bus/${service}/${command}`, { body, signal });

export function fileUrl(path, { version, download } = {}) {
	const query = [version !== undefined && `version=${version}`, download && "download"].filter(Boolean).join("&");
	return `${API}/files${encodePath(path)}${query && `?${query}`}`;
}

export const zipUrl = paths => `${API}/zip?${queryOf({ path: paths })}`;
