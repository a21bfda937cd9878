import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DownBy,
  downBy,
  type HeardView,
  hearViews,
  judgeViews,
  type ProberView,
  VERDICT_HELD_MS,
  type Verdict,
  VIEW_STALE_MS,
} from '../src/steering/quorum.ts';

const POPS = ['PA', 'PB', 'PC', 'PD'];
const NOW_MS = 1_000_000;
const PARAMS = { quorum: 0.6, viewsMin: 1 };

/** A view by letters, one a POP: `u` up, `d` down, `-` not checked. */
function view(prober: string, letters: string, atMs = 1): ProberView {
  const views = POPS.flatMap((pop, i) => {
    const state = { u: 'up', d: 'down' }[letters[i] ?? '-'] as 'up' | 'down' | undefined;
    return state === undefined ? [] : [{ pop, state, why: state === 'down' ? 'refused' : '' }];
  });
  return { prober, atMs, views };
}

function judge(
  views: readonly ProberView[],
  more: { before?: readonly Verdict[]; alone?: string; params?: typeof PARAMS } = {},
): readonly Verdict[] {
  const { before = [], alone, params = PARAMS } = more;
  return judgeViews(
    hearViews(new Map(), views, NOW_MS),
    { pops: POPS, nowMs: NOW_MS, before, alone },
    params,
  );
}

/** `u` up, `d` down, `-` unknown, one a POP. */
const letters = (verdicts: readonly Verdict[]): string =>
  verdicts.map(({ state }) => (state === 'unknown' ? '-' : state[0])).join('');

test('what was told and what the views say make one word, in one place', () => {
  const table: readonly (readonly [told: DownBy, live: Verdict['state'], word: DownBy])[] = [
    ['', 'unknown', ''],
    ['', 'up', ''],
    ['', 'down', 'views'],
    // A POP that calls itself unhealthy is believed, whoever reaches it.
    ['report', 'unknown', 'report'],
    ['report', 'up', 'report'],
    ['report', 'down', 'report'],
    // Its agent went silent, but it serves: the agent died, and not the POP.
    ['silence', 'unknown', 'silence'],
    ['silence', 'up', ''],
    ['silence', 'down', 'views'],
    // A table made before the views changed.
    ['views', 'unknown', 'views'],
    ['views', 'up', ''],
    ['views', 'down', 'views'],
  ];
  for (const [told, live, word] of table) assert.equal(downBy(told, live), word, `${told} ${live}`);
});

test('verdicts: a quorum of those that see anything', () => {
  const [mostly, fine] = ['duuu', 'uuuu'];
  const table: readonly (readonly [what: string, views: readonly string[], verdicts: string])[] = [
    ['nobody looks', [], '----'],
    ['one prober alone', ['ns:a duuu'], mostly],
    ['one of two is not enough', ['ns:a duuu', 'ns:b uuuu'], fine],
    ['two of two', ['ns:a duuu', 'ns:b duuu'], mostly],
    ['two of three', ['ns:a duuu', 'ns:b duuu', 'ns:c uuuu'], mostly],
    ['half of four is too few', ['ns:a duuu', 'ns:b duuu', 'ns:c uuuu', 'ns:d uuuu'], fine],
    ['three of four', ['ns:a duuu', 'ns:b duuu', 'agent:PC duuu', 'ns:d uuuu'], mostly],
    ['who sees nothing has no vote', ['ns:a dddd', 'ns:b uuuu'], fine],
    ['nor have two such of three', ['ns:a dddd', 'ns:b dddd', 'ns:c duuu'], mostly],
    ['nor has one that checks a single POP, in vain', ['ns:a d---', 'ns:b uuuu'], fine],
    ['when all see nothing, nothing is said', ['ns:a dddd', 'ns:b dddd'], '----'],
    ['an agent is no witness of its own POP', ['agent:PA duuu'], '-uuu'],
    ['nor of others, where it sees its own alone', ['agent:PA uddd', 'ns:b uuuu'], fine],
    ['a POP that nobody checks', ['ns:a ud--'], 'ud--'],
  ];
  for (const [what, texts, verdicts] of table) {
    const views = texts.map((text) => view(...(text.split(' ') as [string, string])));
    assert.equal(letters(judge(views)), verdicts, what);
  }
});

test('a verdict says who sees it, a few of them by name', () => {
  const views = ['ns:a', 'ns:b', 'agent:PB', 'agent:PC', 'ns:c'].map((prober, i) =>
    view(prober, i === 4 ? 'uuuu' : 'duuu'),
  );
  const [first, second] = judge(views);
  assert.equal(first?.why, '4 of 5 views: agent:PB refused, agent:PC refused, ns:a refused …');
  assert.equal(second?.why, '');
});

test('too few views: what they said last holds for a while, then nothing is said', () => {
  const params = { quorum: 0.6, viewsMin: 2 };
  const two = [view('ns:a', 'duuu'), view('ns:b', 'duuu')];
  const before = judge(two, { params });
  assert.equal(letters(before), 'duuu');
  const nobody = (nowMs: number): string =>
    letters(judgeViews(hearViews(new Map(), two.slice(1), nowMs), { pops: POPS, nowMs, before }, params));
  assert.equal(nobody(NOW_MS + VERDICT_HELD_MS), 'duuu');
  assert.equal(nobody(NOW_MS + VERDICT_HELD_MS + 1), '----');
});

test('cut off from the others, a prober goes by its own view, if that sees half of its POPs', () => {
  const params = { quorum: 0.6, viewsMin: 3 };
  assert.equal(letters(judge([view('ns:a', 'duuu')], { params })), '----');
  assert.equal(letters(judge([view('ns:a', 'duuu')], { params, alone: 'ns:a' })), 'duuu');
  assert.equal(letters(judge([view('ns:a', 'dduu')], { params, alone: 'ns:a' })), 'dduu');
  assert.equal(letters(judge([view('ns:a', 'dddu')], { params, alone: 'ns:a' })), '----');
});

test('views that are not replaced go stale by our clock, whatever theirs says', () => {
  const ahead = view('ns:a', 'duuu', NOW_MS + 3_600_000);
  let heard: ReadonlyMap<string, HeardView> = new Map();
  const at = (nowMs: number, views: readonly ProberView[]): string => {
    heard = hearViews(heard, views, nowMs);
    return letters(judgeViews(heard, { pops: POPS, nowMs, before: [] }, PARAMS));
  };
  assert.equal(at(NOW_MS, [ahead]), 'duuu');
  assert.equal(at(NOW_MS + VIEW_STALE_MS, [ahead]), 'duuu');
  assert.equal(at(NOW_MS + VIEW_STALE_MS + 1, []), '----');
  assert.equal(at(NOW_MS + VIEW_STALE_MS + 2, [{ ...ahead, atMs: ahead.atMs + 1 }]), 'duuu');
});

const anyState = fc.constantFrom('u', 'd', '-');
const anyViews = fc
  .array(fc.tuple(anyState, anyState, anyState, anyState), { maxLength: 8 })
  .map((all) => all.map((one, i) => view(i % 3 === 0 ? `agent:${POPS[i % 4]}` : `ns:${i}`, one.join(''))));
const anyParams = fc.record({
  quorum: fc.double({ min: 0.01, max: 1, noNaN: true }),
  viewsMin: fc.integer({ min: 1, max: 4 }),
});

test('no prober that sees nothing changes any verdict', () => {
  fc.assert(
    fc.property(anyViews, anyParams, (views, params) => {
      const blind = view('ns:blind', 'dddd');
      assert.deepEqual(judge([...views, blind], { params }), judge(views, { params }));
    }),
  );
});

test('one more that sees a POP up, and others, takes nothing down; the order of views does not count', () => {
  fc.assert(
    fc.property(anyViews, anyParams, (views, params) => {
      const before = judge(views, { params });
      const after = judge([...views, view('ns:fine', 'uuuu')], { params });
      for (const [i, { state }] of after.entries())
        if (before[i]?.state === 'up') assert.notEqual(state, 'down');
      assert.deepEqual(judge(views.toReversed(), { params }), before);
    }),
  );
});

test('a POP is down only if someone who sees another POP sees it down, and enough of them do', () => {
  fc.assert(
    fc.property(anyViews, anyParams, (views, params) => {
      for (const { state, votes, downVotes } of judge(views, { params })) {
        assert.equal(state === 'unknown', votes === 0);
        if (state === 'down') assert.ok(downVotes >= 1 && downVotes >= params.quorum * votes - 1e-6);
        if (state === 'up') assert.ok(votes >= params.viewsMin);
      }
    }),
  );
});
