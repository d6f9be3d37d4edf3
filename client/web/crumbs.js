//  The folders above a path: from the person's home, from what others share, or from the root.
import { isInside, join } from "./format.js";
import { link } from "./router.js";
import { home } from "./session.js";
import { T } from "./text.js";

//  [{ name, path, href }], the last one is the path itself.
export function crumbsOf(path) {
	const base = isInside(path, home()) ? home() : path.match(/^\/users\/[^/]+(?=\/)/)?.[0] ?? "/";
	const first = base === home() ? { name: T.files.home, path: base, href: link("files", base) }
		: base === "/" ? { name: T.files.root, path: "/", href: link("files", "/") } : { name: T.nav.shared, path: base, href: link("shared") };
	const crumbs = [first];
	let at = base;
	for (const name of path.slice(base.length).split("/").filter(Boolean))
		crumbs.push({ name, path: at = join(at, name), href: link("files", at) });
	return crumbs;
}

export const pathForPeople = path => crumbsOf(path).map(crumb => crumb.name).join(" › ");
