//  Where the page is, as its address says: #/files/users/ann/Photos. Reload, back and bookmarks work by that alone.
import { encodePath } from "./format.js";

//  Gives "#/files/users/ann/a%20b".
export function link(view, path = "") {
	return `#/${view}${path === "/" ? "" : encodePath(path)}`;
}

//  { view, path } of the present address; the path may be "".
export function place() {
	const [view, ...names] = location.hash.replace(/^#\/?/, "").split("/");
	try {
		return { view: view || "files", path: names.length ? `/${names.map(decodeURIComponent).filter(Boolean).join("/")}` : "" };
	}
	catch {
		return { view: "files", path: "" };
	}
}

let steps = 0;  //  Made inside the page: so far "back" stays in it

export function go(hash, { replace } = {}) {
	if (hash === location.hash)
		return;
	if (replace) {
		history.replaceState(history.state, "", hash);
		dispatchEvent(new HashChangeEvent("hashchange"));
	}
	else {
		steps++;
		location.hash = hash;
	}
}

//  One step back if this page made it; otherwise to the given address.
export function back(otherwise) {
	if (steps > 0) {
		steps--;
		history.back();
	}
	else
		go(otherwise, { replace: true });
}
