//  Uploads: chosen or dropped, folders, several at once, paused, tried again, names that are taken.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { Stage, T, digest, random, randomFile, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const stage = new Stage();
const MIB = 1 << 20;

//  A browser that sends so many octets a second; 0 = as fast as it can.
async function throttle(person, bytes) {
    person.line ??= await person.context.newCDPSession(person.page);
    await person.line.send("Network.emulateNetworkConditions",
        { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes || -1 });
}

stage.test("chosen files are stored octet for octet", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const small = random(3000), large = random(5 * MIB + 17);
    await files.upload({ name: "small.bin", mimeType: "application/octet-stream", buffer: small },
        { name: "large.bin", mimeType: "application/octet-stream", buffer: large }, { name: "empty", mimeType: "text/plain", buffer: Buffer.alloc(0) });
    await files.uploadsDone(3);
    await files.listed("empty", "large.bin", "small.bin");
    assert.equal(digest(await person.get("small.bin")), digest(small));
    assert.equal(digest(await person.get("large.bin")), digest(large));
    assert.equal((await person.get("empty")).length, 0);
});

stage.test("files and whole folders are dropped from the desktop", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const local = scene.folder();
    fs.mkdirSync(path.join(local, "Trip/day 1/raw"), { recursive: true });
    fs.mkdirSync(path.join(local, "Trip/empty"));
    fs.writeFileSync(path.join(local, "note.txt"), "a note");
    fs.writeFileSync(path.join(local, "Trip/plan.md"), "# Plan");
    fs.writeFileSync(path.join(local, "Trip/day 1/raw/ü.bin"), random(2 * MIB));
    await person.page.getByText(T.files.emptyTitle).waitFor();
    await files.drop(person.page.getByRole("main"), path.join(local, "note.txt"), path.join(local, "Trip"));
    await files.uploadsDone(3);
    await files.listed("Trip", "note.txt");
    assert.equal(String(await person.get("Trip/plan.md")), "# Plan");
    assert.equal(digest(await person.get("Trip/day 1/raw/ü.bin")), digest(fs.readFileSync(path.join(local, "Trip/day 1/raw/ü.bin"))));
    await files.open("Trip");
    await files.listed("day 1", "empty", "plan.md");
});

stage.test("files that are dropped on a folder's row go into it", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const local = scene.folder();
    fs.writeFileSync(path.join(local, "in.txt"), "inside");
    await files.newFolder("Box");
    await files.shows("Box");
    await files.drop(files.row("Box"), path.join(local, "in.txt"));
    await files.uploadsDone(1);
    assert.equal(String(await person.get("Box/in.txt")), "inside");
    await files.listed("Box");
});

stage.test("a folder is chosen and keeps its shape", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const local = path.join(scene.folder(), "Album");
    fs.mkdirSync(path.join(local, "a/b"), { recursive: true });
    for (let index = 0; index < 30; index++)
        fs.writeFileSync(path.join(local, index % 2 ? "a" : "a/b", `${index}.txt`), `number ${index}`);
    await files.uploadFolder(local);
    await files.uploadsDone(30);
    for (let index = 0; index < 30; index++)
        assert.equal(String(await person.get(`Album/${index % 2 ? "a" : "a/b"}/${index}.txt`)), `number ${index}`);
});

stage.test("a paused upload goes on from where it was", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const local = path.join(scene.folder(), "long.bin");
    const wanted = randomFile(local, 24 * MIB);
    await throttle(person, 8 * MIB);
    const patches = [];
    person.page.on("request", request => request.method() === "PATCH" && patches.push(Number(request.headers()["upload-offset"])));
    await files.upload(local);
    await until(() => files.uploads.getByRole("progressbar", { name: "long.bin" }).evaluate(bar => bar.value > 0.2), "some of it is sent");
    await files.uploadButton(T.uploads.pause, "long.bin").click();
    await files.uploads.getByText(T.uploads.pausedAll).waitFor();
    await throttle(person, 0);
    await files.uploadButton(T.uploads.resume, "long.bin").click();
    await files.uploadsDone(1);
    assert.equal(patches[0], 0);
    assert(patches.at(-1) > 0, `the offsets were ${patches}`);
    assert.equal(await scene.cluster.digest(person.account, person.home("long.bin")), wanted);
});

stage.test("an upload that failed is tried again by a button", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    let refused = 0;
    await person.page.route(`**${"/api/v1/files/users/"}**`, async route => {
        if (route.request().method() === "PUT" && refused++ === 0)
            await route.fulfill({ status: 507, contentType: "application/json", body: JSON.stringify({ code: "no_space", message: "no node has room" }) });
        else
            await route.continue();
    });
    person.expect(/status of 507/);
    await files.upload({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
    await files.uploads.getByText(/no node has room/i).waitFor();
    await files.uploads.getByText(T.advice.no_space).waitFor();
    await files.uploadButton(T.uploads.retry, "a.txt").click();
    await files.uploadsDone(1);
    assert.equal(String(await person.get("a.txt")), "hello");
});

stage.test("a name that is taken is asked about: skip, keep both, replace", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    await person.put("a.txt", "old");
    await files.shows("a.txt");
    person.expect(/status of (404|409|412)/);       //  It asks which name is free
    const dialog = person.page.getByRole("dialog");
    const again = async (text, answer) => {
        await files.upload({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
        await dialog.getByRole("button", { name: answer, exact: true }).click();
    };
    await again("skipped", T.conflict.skip);
    await files.uploads.getByText(T.uploads.skipped).waitFor();
    assert.equal(String(await person.get("a.txt")), "old");
    await again("both", T.conflict.keep);
    await files.listed("a (2).txt", "a.txt").catch(() => files.listed("a.txt", "a (2).txt"));
    assert.equal(String(await person.get("a (2).txt")), "both");
    assert.equal(String(await person.get("a.txt")), "old");
    await again("new", T.conflict.replace);
    await until(async () => String(await person.get("a.txt")) === "new", "it is replaced");
});

stage.test("an upload that is stopped leaves nothing", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const local = path.join(scene.folder(), "long.bin");
    randomFile(local, 16 * MIB);
    await throttle(person, 4 * MIB);
    await files.upload(local);
    await until(() => files.uploads.getByRole("progressbar", { name: "long.bin" }).evaluate(bar => bar.value > 0.1), "some of it is sent");
    await files.uploadButton(T.uploads.cancel, "long.bin").click();
    await throttle(person, 0);
    await until(async () => (await scene.cluster.api("GET", "/uploads", { token: person.account.token })).uploads.length === 0, "the upload is gone");
    assert.equal(await person.exists("long.bin"), false);
    await files.listed();
});
