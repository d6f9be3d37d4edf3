//  What outlives a page about its uploads: handles of files (where the browser gives them), and which page sends what.

const NAME = "filestore", STORE = "uploads";
const locks = new Map();  //  URL of an upload to the function that gives it free

let opened = null;

function database() {
	return opened ??= new Promise((resolve, reject) => {
		const request = indexedDB.open(NAME, 1);
		request.onupgradeneeded = () => request.result.createObjectStore(STORE);
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
}

//  Private windows may forbid it: then a file is chosen again instead.
async function use(mode, action) {
	try {
		const store = (await database()).transaction(STORE, mode).objectStore(STORE);
		return await new Promise((resolve, reject) => {
			const request = action(store);
			request.onsuccess = () => resolve(request.result);
			request.onerror = () => reject(request.error);
		});
	}
	catch {
		return undefined;
	}
}

export const keep = (url, handle) => use("readwrite", store => store.put(handle, url));
export const find = async url => await use("readonly", store => store.get(url)) ?? null;

export function forget(url) {
	if (!url)
		return;
	use("readwrite", store => store.delete(url));
	locks.get(url)?.();
	locks.delete(url);
}

//  Tell other pages that this one sends it, as long as it lives.
export function hold(url) {
	if (navigator.locks && !locks.has(url))
		navigator.locks.request(`upload ${url}`, { ifAvailable: true }, lock => lock && new Promise(release => locks.set(url, release)));
}

export async function held() {
	if (!navigator.locks)
		return new Set();
	const { held } = await navigator.locks.query();
	return new Set(held.filter(lock => lock.name.startsWith("upload ")).map(lock => lock.name.slice(7)));
}
