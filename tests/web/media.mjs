//  Small pictures, sounds, videos and documents, made when they are needed.

import zlib from "node:zlib";

function chunk(type, data) {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const head = Buffer.alloc(4), tail = Buffer.alloc(4);
    head.writeUInt32BE(data.length);
    tail.writeUInt32BE(zlib.crc32 ? zlib.crc32(body) : crc32(body));
    return Buffer.concat([head, body, tail]);
}

function crc32(data) {
    let crc = ~0;
    for (const octet of data) {
        crc ^= octet;
        for (let bit = 0; bit < 8; bit++)
            crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
}

//  A picture with colours by their place: at (x, y) of width and height it has paint (x, y) = [red, green, blue].
export function png(width, height, paint = (x, y) => [4 * x & 255, 6 * y & 255, x * y & 255]) {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([8, 2, 0, 0, 0], 8);
    const rows = Buffer.alloc(height * (1 + 3 * width));
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
            rows.set(paint(x, y), y * (1 + 3 * width) + 1 + 3 * x);
    return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", zlib.deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

//  So many seconds of a hum, 48 kHz, 16 bits: 96,000 octets a second.
export function wav(seconds) {
    const rate = 48000, bytes = 2 * seconds * rate;
    const head = Buffer.alloc(44);
    head.write("RIFF", 0, "latin1");
    head.writeUInt32LE(36 + bytes, 4);
    head.write("WAVEfmt ", 8, "latin1");
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);              //  PCM
    head.writeUInt16LE(1, 22);              //  Mono
    head.writeUInt32LE(rate, 24);
    head.writeUInt32LE(2 * rate, 28);
    head.writeUInt16LE(2, 32);
    head.writeUInt16LE(16, 34);
    head.write("data", 36, "latin1");
    head.writeUInt32LE(bytes, 40);
    const wave = Buffer.alloc(960);         //  10 ms: one period of 100 Hz
    for (let at = 0; at < 480; at++)
        wave.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * at / 480)), 2 * at);
    return Buffer.concat([head, Buffer.alloc(bytes, wave)]);
}

//  One page with one line.
export function pdf(text) {
    const stream = `BT /F1 24 Tf 72 720 Td (${text}) Tj ET`;
    const objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"];
    let file = "%PDF-1.4\n";
    const places = objects.map((object, at) => {
        const place = file.length;
        file += `${at + 1} 0 obj\n${object}\nendobj\n`;
        return place;
    });
    const start = file.length;
    file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n` + places.map(place => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
    return Buffer.from(`${file}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`);
}

//  A video that the browser itself records from a canvas: noise, so that it is not small. Without an index, as live recordings are.
export async function video(browser, pictures) {
    const page = await browser.newPage();
    const text = await page.evaluate(async pictures => {
        const canvas = document.createElement("canvas");
        canvas.width = 320;
        canvas.height = 200;
        const context = canvas.getContext("2d");
        const recorder = new MediaRecorder(canvas.captureStream(0), { mimeType: "video/webm", videoBitsPerSecond: 8e6 });
        const track = recorder.stream.getVideoTracks()[0];
        const pieces = [];
        recorder.ondataavailable = event => pieces.push(event.data);
        const ended = new Promise(resolve => (recorder.onstop = resolve));
        recorder.start();
        for (let n = 0; n < pictures; n++) {
            const picture = context.createImageData(320, 200);
            crypto.getRandomValues(new Uint8Array(picture.data.buffer, 0, 65536));
            for (let at = 0; at < picture.data.length; at++)
                picture.data[at] = at % 4 === 3 ? 255 : picture.data[at % 65536];
            context.putImageData(picture, 0, 0);
            track.requestFrame();
            await new Promise(resolve => setTimeout(resolve, 100));
        }
        recorder.stop();
        await ended;
        const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
        let text = "";
        for (let at = 0; at < bytes.length; at += 8192)
            text += String.fromCharCode(...bytes.subarray(at, at + 8192));
        return btoa(text);
    }, pictures);
    await page.close();
    return Buffer.from(text, "base64");
}
