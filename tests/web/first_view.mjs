//  How long until a signed-in person sees their files, in a browser that has nothing of the page yet (tests/bench/http).
//
//      node tests/web/first_view.mjs URL TOKEN ROUNDS          prints {"name": [ms, ..]}

import { browse } from "./harness.mjs";

const [url, token, rounds] = process.argv.slice(2);
const times = { "first paint": [], "files visible": [], "files visible, page cached": [] };
const browser = await browse();

async function view(context) {
    const page = await context.newPage();
    await page.goto(url, { waitUntil: "commit" });
    await page.getByText("many", { exact: true }).first().waitFor();
    const figures = await page.evaluate(() => ({ now: performance.now(), paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime }));
    await page.close();
    return figures;
}

for (let round = -1; round < Number(rounds); round++) {         //  The first one warms up
    const context = await browser.newContext();
    await context.addCookies([{ name: "filestore", value: token, url, httpOnly: true, sameSite: "Strict" }]);
    const first = await view(context), second = await view(context);
    if (round >= 0) {
        times["first paint"].push(first.paint);
        times["files visible"].push(first.now);
        times["files visible, page cached"].push(second.now);
    }
    await context.close();
}
await browser.close();
console.log(JSON.stringify(times));
