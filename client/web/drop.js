//  What a person drops or chooses, as files with their paths below the folder.

const MANY = 100000;  //  More files than that in one drop are a mistake

//  Also inside folders. Gives { files: [{ file, handle?, path }], folders: [path] }. "found" hears the count.
export async function filesOfDrop(transfer, found) {
	//  Both calls must happen before the first await: the list is emptied when the event handler returns
	const entries = [...transfer.items].filter(item => item.kind === "file")
		.map(item => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile(), handle: item.getAsFileSystemHandle?.().catch(() => null) }));
	const result = { files: [], folders: [] };
	for (const { entry, file, handle } of entries)
		if (entry)
			await walk(entry, "", result, found, await handle);
		else if (file)  //  Not from a disk: a picture out of another page
			result.files.push({ file, path: file.name, handle: null });
	return result;
}

//  Files of an <input type=file>; with webkitdirectory they know the folders they are in.
export function filesOfInput(list) {
	const files = [...list].map(file => ({ file, path: file.webkitRelativePath || file.name }));
	const folders = new Set();
	for (const { path } of files)
		for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1))
			folders.add(path.slice(0, slash));
	return { files, folders: [...folders] };
}

async function walk(entry, prefix, result, found, handle) {
	const path = prefix + entry.name;
	if (entry.isFile) {
		const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
		result.files.push({ file, path, handle: handle?.kind === "file" ? handle : null });
	}
	else {
		result.folders.push(path);
		const reader = entry.createReader();
		for (;;) {
			const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
			if (!some.length)
				break;
			for (const child of some) {
				const inner = handle?.kind === "directory"
					? await handle[child.isFile ? "getFileHandle" : "getDirectoryHandle"](child.name).catch(() => null) : null;
				await walk(child, `${path}/`, result, found, inner);
			}
		}
	}
	if (result.files.length > MANY)
		throw new RangeError(`more than ${MANY} files`);
	found?.(result.files.length + result.folders.length);
}
