import { useEffect, useState } from 'preact/hooks';
import { TINTS } from './tints.ts';

/** The theme's colours, for what is drawn on a canvas. The style sheet has them; here they are only read. */
export interface Colours {
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly panel: string;
  readonly accent: string;
  readonly sea: string;
  readonly land: string;
  readonly border: string;
  readonly grid: string;
  readonly load: string;
  readonly price: string;
  readonly share: string;
  readonly tints: readonly string[];
  readonly strongTints: readonly string[];
}

/** Reads custom properties as what they come to in the theme that is in effect. */
export function readColours(): Colours {
  const probe = document.createElement('span');
  document.body.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const numbered = (prefix: string): string[] =>
    Array.from({ length: TINTS }, (_, i) => read(`${prefix}-${i}`));
  const colours = {
    ink: read('ink'),
    soft: read('soft'),
    line: read('line'),
    panel: read('panel'),
    accent: read('accent'),
    sea: read('sea'),
    land: read('land'),
    border: read('border'),
    grid: read('grid'),
    load: read('load'),
    price: read('price'),
    share: read('share'),
    tints: numbered('tint'),
    strongTints: numbered('strong-tint'),
  };
  probe.remove();
  return colours;
}

/** The colours, read again when the theme changes: `theme` is what was chosen here. */
export function useColours(theme: string): Colours {
  const [colours, setColours] = useState(readColours);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const refresh = (): void => setColours(readColours());
    refresh();
    dark.addEventListener('change', refresh);
    return () => dark.removeEventListener('change', refresh);
  }, [theme]);
  return colours;
}

/** The four octets of `rgb(…)` or `rgba(…)`, as a pixel of an ImageData on a little-endian machine. */
export function pixelOf(colour: string): number {
  const [red = 0, green = 0, blue = 0, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
