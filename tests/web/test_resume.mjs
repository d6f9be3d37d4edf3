//  300 MB, and in the middle the page is loaded anew, a storage node dies, the bridge goes away.

import assert from "node:assert/strict";
import path from "node:path";
import { Stage, T, randomFile, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const stage = new Stage({ separate: true, nodes: 4, sets: ["heartbeat-interval=500 ms", "prune-after=5 s"] });
const BYTES = 300e6;

async function sending(scene, name, bytes = BYTES) {
    const person = await scene.person();
    const files = new Files(person);
    const local = path.join(scene.folder(), name);
    const wanted = randomFile(local, bytes);
    const line = await person.context.newCDPSession(person.page);
    const throttle = bytes => line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
    const sent = share => until(() => files.uploads.getByRole("progressbar", { name }).evaluate((bar, share) => bar.value > share, share),
        `${share} of ${name} is sent`, 60000);
    return { person, page: person.page, files, local, wanted, throttle, sent };
}

stage.test("an upload of 300 MB goes on after the page was loaded anew", async scene => {
    const { person, page, files, local, wanted, throttle, sent } = await sending(scene, "film.mkv");
    await throttle(60e6);
    await files.upload(local);
    await sent(0.4);
    page.once("dialog", dialog => dialog.accept());         //  The page warns that uploads are under way
    await page.reload();
    await files.uploads.getByText(T.uploads.unfinished(1)).waitFor();
    const { uploads } = await scene.cluster.api("GET", "/uploads", { token: person.account.token });
    assert.equal(uploads.length, 1);
    assert(uploads[0].offset > 0.2 * BYTES && uploads[0].offset < BYTES, `offset ${uploads[0].offset}`);
    const offsets = [];
    page.on("request", request => request.method() === "PATCH" && offsets.push(Number(request.headers()["upload-offset"])));
    await throttle(-1);
    const chooser = page.waitForEvent("filechooser");
    await files.uploadButton(T.uploads.choose, "film.mkv").click();
    await (await chooser).setFiles(local);
    await files.uploads.getByText(T.uploads.allDone(1)).waitFor({ timeout: 60000 });
    assert(offsets[0] >= uploads[0].offset, `it began again at ${offsets[0]}`);
    await files.listed("film.mkv");
    assert.equal(await scene.cluster.digest(person.account, person.home("film.mkv")), wanted);
});

stage.test("a file that was dropped goes on after a reload by one click, without choosing it again", async scene => {
    const { person, page, files, local, wanted, throttle, sent } = await sending(scene, "scan.tif", 60e6);
    await page.getByText(T.files.emptyTitle).waitFor();
    await throttle(15e6);
    await files.drop(page.locator("main"), local);
    await sent(0.2);
    page.once("dialog", dialog => dialog.accept());
    await page.reload();
    await files.uploads.getByText(T.uploads.permit).waitFor();
    const offsets = [];
    page.on("request", request => request.method() === "PATCH" && offsets.push(Number(request.headers()["upload-offset"])));
    await throttle(-1);
    await files.uploadButton(T.uploads.allow, "scan.tif").click();
    await files.uploads.getByText(T.uploads.allDone(1)).waitFor({ timeout: 60000 });
    assert(offsets[0] > 0, "it began again");
    assert.equal(await scene.cluster.digest(person.account, person.home("scan.tif")), wanted);
});

stage.test("an upload of 300 MB does not notice that a storage node dies", async scene => {
    const { person, page, files, local, wanted, throttle, sent } = await sending(scene, "disk.img");
    await throttle(100e6);
    await files.upload(local);
    await sent(0.3);
    await scene.cluster.kill("node-2");
    await throttle(-1);
    await files.uploads.getByText(T.uploads.allDone(1)).waitFor({ timeout: 60000 });
    assert.equal(await page.getByRole("alert").filter({ hasText: /./ }).count(), 0);
    assert.equal(await scene.cluster.digest(person.account, person.home("disk.img")), wanted);
    await scene.cluster.restart("node-2");
});

stage.test("an upload whose bridge goes away waits, says so, and goes on by itself", async scene => {
    const { person, files, local, wanted, throttle, sent } = await sending(scene, "long.bin", 60e6);
    await throttle(15e6);
    await files.upload(local);
    await sent(0.3);
    person.expect(/net::ERR_/, /status of (404|50\d).*uploads/);      //  Another bridge does not know the upload: it begins anew
    await scene.cluster.kill("bridge");
    await files.uploads.getByText(/^(Connection lost|Trying again)/).waitFor();
    await throttle(-1);
    await scene.cluster.restart("bridge");
    await files.uploads.getByText(T.uploads.allDone(1)).waitFor({ timeout: 60000 });
    assert.equal(await scene.cluster.digest(person.account, person.home("long.bin")), wanted);
});
