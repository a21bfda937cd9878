/** The steps of a page for newcomers, taken from its text. */

/** A command, or several lines that are one (a here-document). */
export interface Command {
  readonly text: string;
  /** It does not end: it is left running. */
  readonly stays: boolean;
}

export interface WalkStep {
  readonly title: string;
  /** Whether the demo that runs is stopped first. */
  readonly stopsDemo: boolean;
  readonly commands: readonly Command[];
}

const STAYS = /^(?:npm start|prometheus|redis-server|npx isochrone (?:up|serve|control))\b/;

/** Steps are the headings with numbers; commands are what stands in blocks without a language. */
export function stepsOf(page: string): WalkStep[] {
  return page
    .split(/^## (?=\d)/m)
    .slice(1)
    .map((section) => {
      const blocks = [...section.matchAll(/^```\n(.*?)^```$/gms)].map(([, block = '']) => block);
      return {
        title: section.slice(0, section.indexOf('\n')),
        stopsDemo: /^Stop the demo with Ctrl-C/m.test(section),
        commands: blocks.flatMap(commandsOf),
      };
    });
}

/** A block's lines, those of a here-document together. */
function commandsOf(block: string): Command[] {
  const commands: Command[] = [];
  let until: string | undefined;
  for (const line of block.trimEnd().split('\n')) {
    const last = commands.at(-1);
    if (until !== undefined && last !== undefined) {
      commands[commands.length - 1] = { ...last, text: `${last.text}\n${line}` };
      if (line === until) until = undefined;
      continue;
    }
    commands.push({ text: line, stays: STAYS.test(line) });
    until = /<<'(\w+)'$/.exec(line)?.[1];
  }
  return commands;
}
