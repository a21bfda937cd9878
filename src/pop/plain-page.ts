import { formatTable } from '../base/text-table.ts';
import { type Choice, type PageContent, pageFacts, verdictOf } from './page.ts';

/** The page as plain text, for those who fetch it from a terminal. */
export function renderPlain(content: PageContent): string {
  const { pop, choice, note } = content;
  const facts = pageFacts(content);
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = [
    `${pop.code} ${pop.city}`,
    '',
    ...facts.map(([name, value]) => `${name.toLowerCase().padEnd(width)}  ${value}`),
    ...(note === undefined ? [] : ['', note]),
    '',
    ...(choice === undefined
      ? ['This host is not steered, or nothing was decided for it yet.']
      : choiceLines(content, choice)),
  ];
  // What the client sent stands here too: a terminal must not take orders from it.
  return `${lines.map(withoutControls).join('\n')}\n`;
}

function choiceLines({ pop }: PageContent, choice: Choice): string[] {
  const { service, client, ttlSeconds, terms, rows, source } = choice;
  const columns = [
    { title: '' },
    { title: 'POP' },
    { title: 'link' },
    ...terms.map((term) => ({ title: term, right: true })),
    { title: 'score', right: true },
    { title: '' },
  ];
  const table = rows.map((row) => [
    row.verdict === 'chosen' ? '>' : '',
    `${row.pop} ${row.city}`,
    row.link,
    ...[...row.terms, row.scoreMs].map((ms) => ms.toFixed(2)),
    row.verdict,
  ]);
  return [
    verdictOf(pop, choice),
    `It is taken for ${client}. Service ${service}. The answer holds for ${ttlSeconds} s.`,
    '',
    `All figures in ms, ${source}; the terms add up to the score:`,
    '',
    ...formatTable(columns, table),
  ];
}

function withoutControls(line: string): string {
  return line.replace(/\p{Cc}/gu, '?');
}
