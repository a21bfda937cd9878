import { createHash } from 'node:crypto';
import type { Link, Pop } from '../base/fleet.ts';

/** Why a client gets the POP that it gets, as a person reads it. */
export interface Choice {
  /** Name of the service that the host belongs to. */
  readonly service: string;
  /** Where the client is taken to be, in words: `AS3320 in Frankfurt am Main, DE`. */
  readonly client: string;
  /** Code of the POP that DNS gives this client now. */
  readonly pop: string;
  readonly ttlSeconds: number;
  /** Names of the terms of a score, in the order of `ChoiceRow.terms`. */
  readonly terms: readonly string[];
  /** Best first; as many as are worth showing. */
  readonly rows: readonly ChoiceRow[];
  /** Where the figures come from. */
  readonly source: 'measured' | 'modelled';
}

/** One POP that was weighed. */
export interface ChoiceRow {
  readonly pop: string;
  readonly city: string;
  readonly link: string;
  /** In ms, in the order of `Choice.terms`. */
  readonly terms: readonly number[];
  /** Their sum, in ms. */
  readonly scoreMs: number;
  /** `chosen`, `runner-up`, or why it was out; empty otherwise. */
  readonly verdict: string;
}

/** What the page of a POP shows. */
export interface PageContent {
  readonly pop: Pop;
  readonly link: Link;
  /** As the client named it, any text. */
  readonly host: string;
  /** Client address, and whether it is the connection's or was given in the query. */
  readonly client: string;
  readonly clientFrom: 'connection' | 'query';
  readonly protocol: string;
  /** Absent when the host is not steered, or nothing was decided yet. */
  readonly choice?: Choice;
  /** Something that the reader should know: a query that was not understood. */
  readonly note?: string;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6776; --line: #d8dee6; --paper: #fff;
  --mark: #e8f3ec; --accent: #0b6b3a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --soft: #9aa7b6; --line: #2f3946; --paper: #12171e;
    --mark: #16301f; --accent: #6fd49b }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: clamp(1rem, 5vw, 3rem) 1rem }
h1 { font-size: 2.2rem; line-height: 1.2; margin: 0 0 .25rem }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem }
p { margin: .25rem 0; max-width: 44rem }
.soft { color: var(--soft) }
.code { color: var(--accent) }
.note { border-left: 3px solid var(--accent); padding-left: .75rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; margin: 1.5rem 0 }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
caption { caption-side: top; text-align: left; color: var(--soft); font-size: .9rem; padding-bottom: .25rem }
th, td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th { font-weight: 500; color: var(--soft) }
.text { text-align: left }
.chosen td { background: var(--mark) }
small { color: var(--soft) }
.chosen small { color: var(--accent) }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** The page loads nothing, runs nothing, sends nothing, and stands in no frame. */
export const CONTENT_SECURITY_POLICY =
  `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; ` +
  "frame-ancestors 'none'";

/** What was reached and how: names and values, for people. */
export function pageFacts(content: PageContent): readonly (readonly [name: string, value: string])[] {
  const { pop, link } = content;
  return [
    ['Host', content.host],
    ['Client', `${content.client}${content.clientFrom === 'query' ? ' (from the query)' : ''}`],
    ['Link', `${link.id} over ${link.transit}, ${link.ipv4}`],
    ['Region', `${pop.region}, ${pop.country}`],
    ['Protocol', content.protocol],
  ];
}

/** Whether the client is where DNS sends it. */
export function verdictOf(pop: Pop, choice: Choice): string {
  return choice.pop === pop.code
    ? 'DNS gives this client this POP.'
    : `DNS gives this client ${choice.pop}, not this POP: it was asked directly, or by an older answer.`;
}

/** The page as HTML. */
export function renderPage(content: PageContent): string {
  const { pop, choice, note } = content;
  const facts = pageFacts(content);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(`${pop.code} · ${pop.city}`)}</title><style>${STYLE}</style></head><body><main>
<p class="soft">You reached the point of presence</p>
<h1><span class="code">${escapeHtml(pop.code)}</span> ${escapeHtml(pop.city)}</h1>
${note === undefined ? '' : `<p class="note">${escapeHtml(note)}</p>`}
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>
${choice === undefined ? NOT_STEERED : renderChoice(pop, choice)}
<p class="soft">JSON: ask with <code>Accept: application/json</code>.
As another client: <code>/?client=ADDRESS</code>.</p>
</main></body></html>
`;
}

const NOT_STEERED = '<p>This host is not steered, or nothing was decided for it yet.</p>';

/** The page as JSON. */
export function renderJson(content: PageContent): string {
  const { pop, link, choice, note } = content;
  const { code, city, country, region } = pop;
  const shown = {
    pop: { code, city, country, region },
    link: { id: link.id, transit: link.transit, ipv4: link.ipv4 },
    host: content.host,
    client: { address: content.client, from: content.clientFrom },
    protocol: content.protocol,
    choice: choice ?? null,
    ...(note === undefined ? {} : { note }),
  };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

function renderChoice(pop: Pop, choice: Choice): string {
  const { source, terms, rows } = choice;
  const heads = terms.map((term, i) => `<th>${i === 0 ? '=' : '+'} ${escapeHtml(term)}</th>`).join('');
  return `<h2>How it was chosen</h2>
<p>${escapeHtml(verdictOf(pop, choice))}</p>
<p class="soft">Client: ${escapeHtml(choice.client)}. Service: ${escapeHtml(choice.service)}.
The answer holds for ${choice.ttlSeconds} s.</p>
<div class="wide"><table><caption>Score and its terms in ms, ${source}; the least wins</caption>
<thead><tr><th class="text">POP</th><th>score</th>${heads}<th class="text">over link</th></tr></thead><tbody>
${rows.map(renderRow).join('\n')}
</tbody></table></div>`;
}

function renderRow(row: ChoiceRow): string {
  const { pop, city, link, verdict } = row;
  const chosen = verdict === 'chosen';
  const figures = row.terms.map((figure) => `<td>${figure.toFixed(2)}</td>`).join('');
  const name = `<b>${escapeHtml(pop)}</b> ${escapeHtml(city)}`;
  const why = verdict === '' ? '' : `<br><small>${escapeHtml(verdict)}</small>`;
  return `<tr${chosen ? ' class="chosen"' : ''}><td class="text">${name}${why}</td>
<td><b>${row.scoreMs.toFixed(2)}</b></td>${figures}<td class="text">${escapeHtml(link)}</td></tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
