import type { HeaderList } from '../headers.ts';

/** `{"user-agent": [{"key": "User-Agent", "value": "curl"}]}` */
export function headerMap(headers: HeaderList): Record<string, { key: string; value: string }[]> {
  const map: Record<string, { key: string; value: string }[]> = {};
  for (const [name, value] of headers) (map[name] ??= []).push({ key: capitals(name), value });
  return map;
}

/** Headers as a handler returned them; a text says what is wrong with them. */
export function readHeaders(value: unknown): HeaderList | string {
  if (value === undefined || value === null) return [];
  const list: (readonly [string, string])[] = [];
  for (const [name, lines] of Object.entries(value)) {
    if (!Array.isArray(lines)) return `the header ${JSON.stringify(name)} must be a list`;
    for (const line of lines) {
      const { key = name, value: text } = typeof line === 'object' && line !== null ? line : {};
      if (typeof key !== 'string' || key.toLowerCase() !== name.toLowerCase() || typeof text !== 'string')
        return `the header ${JSON.stringify(name)} must have entries of key and value`;
      list.push([name.toLowerCase(), text]);
    }
  }
  return list;
}

function capitals(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
