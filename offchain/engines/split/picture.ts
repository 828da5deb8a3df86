// SPDX-License-Identifier: GPL-3.0-or-later

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) === 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = (CRC[(c ^ byte) & 255] ?? 0) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function chunk(name: string, data: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + data.length);
  body.set(Array.from(name, (letter) => letter.charCodeAt(0)));
  body.set(data, 4);
  const out = new Uint8Array(8 + body.length);
  out.set(u32(data.length));
  out.set(body, 4);
  out.set(u32(crc32(body)), 4 + body.length);
  return out;
}

/** zlib's stored blocks: no compressor, so the same bytes everywhere. */
function stored(raw: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(raw.length / 65_535));
  const out = new Uint8Array(2 + 5 * blocks + raw.length + 4);
  out.set([0x78, 0x01]);
  let at = 2;
  let [a, b] = [1, 0];
  for (let block = 0; block < blocks; block++) {
    const part = raw.subarray(block * 65_535, (block + 1) * 65_535);
    const size = part.length;
    out.set([block === blocks - 1 ? 1 : 0, size & 255, size >>> 8, ~size & 255, (~size >>> 8) & 255], at);
    out.set(part, at + 5);
    at += 5 + size;
    for (const byte of part) {
      a = (a + byte) % 65_521;
      b = (b + a) % 65_521;
    }
  }
  out.set(u32(((b << 16) | a) >>> 0), at);
  return out;
}

/** Grey PNG of `width` columns; one byte a pixel. Equal pixels, equal bytes. */
export function encodePng(width: number, pixels: Uint8Array): Uint8Array {
  const height = pixels.length / width;
  const raw = new Uint8Array(height * (width + 1));
  for (let row = 0; row < height; row++)
    raw.set(pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", Uint8Array.of(...u32(width), ...u32(height), 8, 0, 0, 0, 0)),
    chunk("IDAT", stored(raw)),
    chunk("IEND", new Uint8Array(0)),
  ];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const GAP = 2;

/** Images of size x size side by side, a line of images under another; values from 0 to `white`. */
export function imageGrid(lines: readonly (readonly ArrayLike<number>[])[], size: number, white: number): Uint8Array {
  const columns = lines.reduce((most, line) => Math.max(most, line.length), 0);
  const width = columns * (size + GAP) - GAP;
  const height = lines.length * (size + GAP) - GAP;
  const pixels = new Uint8Array(width * height).fill(128);
  lines.forEach((line, down) => {
    line.forEach((image, across) => {
      for (let i = 0; i < size * size; i++) {
        const value = Math.max(0, Math.min(255, Math.round((255 * (image[i] ?? 0)) / white)));
        const row = down * (size + GAP) + Math.floor(i / size);
        pixels[row * width + across * (size + GAP) + (i % size)] = value;
      }
    });
  });
  return encodePng(width, pixels);
}
