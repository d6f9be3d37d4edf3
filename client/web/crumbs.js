//  The names of the folders above a path, from the person's home or from the root.
import { isInside, join } from "./format.js";
import { home } from "./session.js";
import { T } from "./text.js";

export function crumbsOf(path) {
    const own = isInside(path, home());
    const crumbs = [own ? { name: T.files.home, path: home() } : { name: T.files.root, path: "/" }];
    let at = own ? home() : "/";
    for (const name of path.slice(own ? at.length : 0).split("/").filter(Boolean))
        crumbs.push({ name, path: at = join(at, name) });
    return crumbs;
}

export const pathForPeople = path => crumbsOf(path).map(crumb => crumb.name).join(" › ");
