const SLICES = 4;
const TABLES = buildTables();

/** CRC-32 (ISO 3309, the one of zlib and Ethernet) of `bytes` from `start` to the end. */
export function crc32(bytes: Uint8Array, start = 0): number {
  const [one, two, three, four] = TABLES;
  let crc = 0xffffffff;
  let i = start;
  for (const end = bytes.length - SLICES; i <= end; i += SLICES) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (four[crc & 0xff] as number) ^
      (three[(crc >>> 8) & 0xff] as number) ^
      (two[(crc >>> 16) & 0xff] as number) ^
      (one[crc >>> 24] as number);
  }
  for (; i < bytes.length; i++) crc = (one[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function buildTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const tables = [
    new Int32Array(256),
    new Int32Array(256),
    new Int32Array(256),
    new Int32Array(256),
  ] as const;
  for (let octet = 0; octet < 256; octet++) {
    let crc = octet;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[0][octet] = crc;
  }
  for (let slice = 1; slice < SLICES; slice++) {
    const previous = tables[slice - 1] as Int32Array;
    const table = tables[slice] as Int32Array;
    for (let octet = 0; octet < 256; octet++) {
      const crc = previous[octet] as number;
      table[octet] = (tables[0][crc & 0xff] as number) ^ (crc >>> 8);
    }
  }
  return tables;
}
