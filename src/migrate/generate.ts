/** Records that one $GENERATE may make, and all of a file together. */
const GENERATED_MAX = 65_536;

/** What `$GENERATE` lines make, as files that stand in their place. */
export interface Generated {
  /**
   * The text with an $INCLUDE in place of each $GENERATE, so that all lines keep their numbers. Tells of
   * lines that make nothing.
   */
  readonly replace: (text: string, report: (line: number, what: string, reason: string) => void) => string;
  /** What such an $INCLUDE names; undefined for other paths. */
  readonly read: (path: string) => string | undefined;
}

/**
 * Writes out BIND's `$GENERATE RANGE LHS [ttl] [class] TYPE RHS`: `$` is the number, `${OFFSET,WIDTH,BASE}`
 * the number with an offset, filled up with zeros, in base d, o, x or X (n, N: nibbles of a reversed name).
 */
export function createGenerated(): Generated {
  const texts: string[] = [];
  let made = 0;
  const generate = (line: string): string | undefined => {
    const match = /^\$GENERATE\s+(\d+)-(\d+)(?:\/(\d+))?\s+(\S+)\s+(.*?)\s*(?:;.*)?$/i.exec(line);
    if (match === null) return 'it is not $GENERATE START-STOP[/STEP] LHS TYPE RHS';
    const [, start, stop, stepText = '1', left = '', right = ''] = match;
    const step = Math.max(1, Number(stepText));
    const count = Math.floor((Number(stop) - Number(start)) / step) + 1;
    made += count;
    if (made > GENERATED_MAX || count < 1)
      return `it makes ${count} records: all of a zone may make 1 to ${GENERATED_MAX}`;
    const numbers = Array.from({ length: count }, (_, k) => Number(start) + k * step);
    texts.push(numbers.map((number) => `${filledIn(left, number)} ${filledIn(right, number)}\n`).join(''));
    return undefined;
  };
  return {
    replace: (text, report) => {
      const lines = text.split('\n').map((line, i) => {
        if (!/^\$GENERATE\b/i.test(line)) return line;
        const fault = generate(line);
        if (fault === undefined) return `$INCLUDE ${NAME}${texts.length - 1}`;
        report(i + 1, line, fault);
        return '';
      });
      return lines.join('\n');
    },
    read: (path) => {
      const at = path.lastIndexOf(NAME);
      return at < 0 ? undefined : texts[Number(path.slice(at + NAME.length))];
    },
  };
}

/** Begins the names of such files: no operator's file is called so. */
const NAME = '..generated..';

function filledIn(template: string, number: number): string {
  return template.replace(
    /\\\$|\$\$|\$(?:\{(-?\d+)(?:,(\d+)(?:,([doxXnN]))?)?\})?/g,
    (found, offset = '0', width = '0', base = 'd') => {
      if (found === '\\$' || found === '$$') return '$';
      return inBase(number + Number(offset), Number(width), base);
    },
  );
}

function inBase(value: number, width: number, base: string): string {
  const radix = { d: 10, o: 8 }[base] ?? 16;
  const digits = value.toString(radix);
  if (base === 'n' || base === 'N') {
    const nibbles = digits
      .padStart(Math.ceil(width / 2), '0')
      .split('')
      .reverse()
      .join('.');
    return base === 'N' ? nibbles.toUpperCase() : nibbles;
  }
  const filled = digits.padStart(width, '0');
  return base === 'X' ? filled.toUpperCase() : filled;
}
