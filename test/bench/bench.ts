import { measureDemo } from './demo.ts';
import { measureAnswer } from './in-process.ts';
import { machineText } from './machine.ts';
import { textTable, whole } from './report.ts';

/**
 * `npm run bench`: what an answer costs without the sockets, and what the demo costs. The rest has commands
 * of its own: `bench:peers` (beside other name servers), `bench:large`, `bench:swap`, `bench:stand`,
 * `bench:scope`.
 */

console.log(`${machineText()}\n`);
const answers = await measureAnswer();
console.log(
  textTable(
    ['answer()', 'ns', 'min..max'],
    answers.map(({ what, ns, nsMin, nsMax }) => [what, whole(ns), `${whole(nsMin)}..${whole(nsMax)}`]),
  ),
);
console.log('');
const demo = await measureDemo();
if (typeof demo === 'string') console.log(`the demo was not measured: ${demo}`);
else
  console.log(
    textTable(
      ['isochrone up', 'figure'],
      [
        ['time from process start to first steered answer', `${whole(demo.firstAnswerMs)} ms`],
        ['resident memory', `${whole(demo.rssOctets / 2 ** 20)} MiB`],
        ['resident memory, peak', `${whole(demo.peakOctets / 2 ** 20)} MiB`],
      ],
    ),
  );
