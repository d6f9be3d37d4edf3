//  Downloads: octet for octet, folders as zip, and previews with what browsers seek in.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Stage, T, digest, random, until } from "./harness.mjs";
import { Files } from "./files.mjs";
import { pdf, png, video, wav } from "./media.mjs";

const stage = new Stage();
const MIB = 1 << 20;

async function downloaded(scene, page, action) {
    const waiting = page.waitForEvent("download");
    await action();
    const download = await waiting;
    const file = path.join(scene.folder(), "got");
    await download.saveAs(file);
    assert.equal(await download.failure(), null);
    return { name: download.suggestedFilename(), file };
}

stage.test("a file is downloaded octet for octet under its own name", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const name = "Übersicht – 50% \"neu\" #1;.bin";
    const content = random(3 * MIB + 5);
    await person.put(name, content);
    const { name: got, file } = await downloaded(scene, person.page, () => files.menu(name, T.files.download));
    assert.equal(got.replaceAll("_", "\""), name);          //  The browser does not let a quote into a local name
    assert.equal(digest(fs.readFileSync(file)), digest(content));
});

stage.test("a folder, and several things at once, are downloaded as a zip", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const big = random(2 * MIB);
    await person.makeFolder("Trip/raw");
    await person.makeFolder("Trip/empty");
    await person.put("Trip/raw/ü.bin", big);
    await person.put("Trip/plan.md", "# Plan");
    await person.put("other.txt", "other");
    await files.shows("Trip");
    const unzip = file => {
        const list = JSON.parse(execFileSync("/usr/bin/python3", ["-c", `
import hashlib, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    print(json.dumps({info.filename: hashlib.sha256(archive.read(info)).hexdigest() for info in archive.infolist()}))`, file]));
        return Object.fromEntries(Object.entries(list).filter(([name]) => !name.endsWith("/")));
    };
    const one = await downloaded(scene, person.page, () => files.menu("Trip", T.files.downloadZip));
    assert.equal(one.name, "Trip.zip");
    assert.deepEqual(unzip(one.file), { "Trip/raw/ü.bin": digest(big), "Trip/plan.md": digest("# Plan") });

    await files.pick("Trip", "other.txt");
    const both = await downloaded(scene, person.page, () => person.page.getByRole("button", { name: /^Download/ }).first().click());
    assert.deepEqual(unzip(both.file), { "Trip/raw/ü.bin": digest(big), "Trip/plan.md": digest("# Plan"), "other.txt": digest("other") });
});

//  Open the preview of a file of someone who has only that.
async function previewed(scene, name, content) {
    const person = await scene.person();
    const files = new Files(person);
    await person.put(name, content);
    await files.open(name);
    return { person, page: person.page, region: person.page.getByRole("dialog", { name: T.preview.region(name) }) };
}

stage.test("a picture is shown", async scene => {
    const { page } = await previewed(scene, "dots.png", png(64, 40));
    const picture = page.getByRole("img", { name: T.preview.picture("dots.png") });
    await picture.waitFor();
    await until(() => picture.evaluate(one => one.complete && one.naturalWidth === 64 && one.naturalHeight === 40), "the picture is loaded");
});

stage.test("text is shown as text, also what looks like markup", async scene => {
    const { page } = await previewed(scene, "a.c", "#include <stdio.h>\n// <b>ü</b> & \u202e\n");
    await page.getByText("#include <stdio.h>").waitFor();
    await page.getByText("<b>ü</b>").waitFor();
});

stage.test("a PDF is shown or offered", async scene => {
    const { page } = await previewed(scene, "letter.pdf", pdf("Dear reader"));
    await page.locator("embed, object, iframe").or(page.getByText(T.preview.noneLead)).first().waitFor();
});

stage.test("audio is seeked in by ranges, without reading all before", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    const sound = wav(600);
    await person.put("hum.wav", sound);
    const starts = [];
    person.page.on("response", response => response.url().includes("hum.wav") && response.status() === 206
        && starts.push(Number(/^bytes (\d+)-/.exec(response.headers()["content-range"])[1])));
    await files.open("hum.wav");
    const audio = person.page.locator("audio");
    await until(() => audio.evaluate(one => one.readyState >= 1), "its length is known");
    assert.equal(Math.round(await audio.evaluate(one => one.duration)), 600);
    await audio.evaluate(one => (one.currentTime = 590));
    await until(() => audio.evaluate(one => !one.seeking && one.readyState >= 2 && one.currentTime >= 590), "it is at 590 s");
    assert(starts.some(start => start > sound.length / 2), `ranges began at ${starts}`);
});

stage.test("a video plays and goes to another place", async scene => {
    const film = await video(scene.stage.browser, 10);
    const { page } = await previewed(scene, "film.webm", film);
    const element = page.locator("video");
    await until(() => element.evaluate(one => one.readyState >= 2 && one.videoWidth === 320), "its first picture is there");
    await element.evaluate(one => (one.currentTime = one.duration - 0.2));
    await until(() => element.evaluate(one => !one.seeking && one.readyState >= 2 && one.currentTime > 0.5), "it is near the end");
});
