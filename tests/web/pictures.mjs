//  What the pictures show (tests/web/pictures).

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { SOURCE, Stage, T, pause, random, randomFile, until } from "./harness.mjs";
import { Files } from "./files.mjs";
import { pdf, png, wav } from "./media.mjs";

const INTO = path.resolve(process.argv[2] ?? path.join(SOURCE, "docs/pictures"));
const BYTES_MAX = 150 * 1024;
const MIB = 1 << 20;
const stage = new Stage({ separate: true, nodes: 4, sets: ["heartbeat-interval=1 s", "prune-after=6 s", "repair-delay=2 s"] });

//  A landscape: sky, sun, hills.
function landscape(width, height, hue) {
    return png(width, height, (x, y) => {
        const u = x / width, v = y / height;
        const hill = 0.62 + 0.08 * Math.sin(6 * u + hue) + 0.04 * Math.sin(15 * u + 2 * hue);
        const far = 0.5 + 0.07 * Math.sin(4 * u + 3 * hue) + 0.03 * Math.sin(11 * u);
        if (Math.hypot((u - 0.72) * width / height, v - 0.26) < 0.09)
            return [255, 236, 190];
        if (v > hill)
            return [40 + 30 * hue, 80 + 40 * (1 - v), 60];
        if (v > far)
            return [90 + 20 * hue, 125, 140 + 20 * hue];
        return [250 - 120 * (1 - v) + 10 * hue, 190 + 30 * v, 225 - 40 * v * hue];
    });
}

async function shot(page, name, options) {
    const file = path.join(INTO, `${name}.png`);
    await page.mouse.move(2, 2);
    await page.screenshot({ path: file, animations: "disabled", ...options });
    //  Fewer colours, and small; nobody sees the difference
    execFileSync("pngquant", ["--force", "--ext", ".png", "--quality", "70-98", "--strip", file]);
    const { size } = fs.statSync(file);
    if (size > BYTES_MAX)
        throw new Error(`${file} has ${size} octets`);
}

const DAY = 86400000;

//  Days ago, in the order of the clock.
const modified = days => ({ headers: { "X-Modified-Ms": String(Date.now() - Math.round(days * DAY)) } });

async function fill(person) {
    for (const folder of ["Photos", "Photos/Coast", "Music", "Papers", "Code"])
        await person.makeFolder(folder);
    await person.put("Budget 2026.xlsx", random(48213), modified(2.1));
    await person.put("Letter to the council.pdf", pdf("Dear council"), modified(5.3));
    await person.put("Read me first.md", "# Filestore\n\nEvery file is kept twice.\n", modified(0.2));
    await person.put("coast at noon.png", landscape(640, 420, 0.2), modified(9));
    await person.put("evening hills.png", landscape(640, 420, 0.9), modified(8.4));
    await person.put("interview.wav", wav(120), modified(1.4));
    await person.put("backup of the old laptop.tar.gz", random(24 * MIB), modified(31));
    await person.put("main.c", "//  Says hello, and how often it did.\n\n#include <stdio.h>\n\nint\nmain (int argc, char **argv)\n{\n    for (int at = 1; at < argc; at++)\n"
        + "        printf (\"hello, %s\\n\", argv [at]);\n    return 0;\n}\n", modified(0.6));
}

stage.test("pictures", async scene => {
    fs.mkdirSync(INTO, { recursive: true });
    const account = await scene.cluster.account("ann");
    const person = await scene.person({ account, deviceScaleFactor: 1.5, viewport: { width: 1200, height: 750 } });
    const { page } = person;
    const files = new Files(person);
    await fill(person);
    await files.shows("main.c");
    await shot(page, "files");

    await page.getByRole("button", { name: T.list.asTiles }).click();
    await until(() => page.evaluate(() => [...document.images].every(one => one.complete)), "the thumbnails are there");
    await shot(page, "tiles");
    await page.getByRole("button", { name: T.list.asList }).click();

    const dark = await scene.person({ account, colorScheme: "dark", deviceScaleFactor: 1.5, viewport: { width: 1200, height: 750 } });
    await new Files(dark).shows("main.c");
    await shot(dark.page, "dark");

    const phone = await scene.person({ account, viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
    await new Files(phone).shows("main.c");
    await shot(phone.page, "phone");

    //  Uploads under way, and a node that dies meanwhile
    const cluster = await scene.person({ account: stage.admin, open: "/#/cluster", deviceScaleFactor: 1.5, viewport: { width: 1200, height: 1000 } });
    await cluster.page.getByText(T.cluster.well).waitFor();
    const local = scene.folder();
    const line = await person.context.newCDPSession(page);
    await line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 22e6 });
    for (const [name, size] of [["harvest festival.mp4", 420], ["the house, 3D scan.zip", 160], ["drone over the coast.mov", 260]])
        randomFile(path.join(local, name), size * MIB);
    fs.writeFileSync(path.join(local, "notes.txt"), "notes");
    await files.upload(...fs.readdirSync(local).map(name => path.join(local, name)));
    await until(() => files.uploads.getByRole("progressbar", { name: "harvest festival.mp4" }).evaluate(bar => bar.value > 0.35), "much is sent", 120000);
    await shot(page, "upload");

    await scene.cluster.kill("node-3");
    await cluster.page.getByText(/have only one copy/).waitFor({ timeout: 60000 });
    await shot(cluster.page, "cluster");
    await line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await files.uploadsDone(4);
    const safe = () => cluster.page.getByText(T.cluster.well).isVisible();
    await until(async () => await safe() && (await pause(3000), await safe()), "nothing is short of copies any more", 120000);
    await shot(cluster.page, "healed");
}, { timeout: 400000 });
