// Compares pairs of models with bpmn-js-differ: one JSON object per line in ({old, new}), one per line out.

import { createInterface } from "node:readline";

import { diff } from "bpmn-js-differ";
import { BpmnModdle } from "bpmn-moddle";

const moddle = new BpmnModdle();
const read = new Map();

async function definitions(xml) {
  if (!read.has(xml)) {
    read.set(xml, (await moddle.fromXML(xml)).rootElement);
  }
  return read.get(xml);
}

const types = (found) => Object.fromEntries(Object.entries(found).map(([id, element]) => [id, element.$type]));

// Texts, numbers and truth values as they are; of anything else, only that there is something.
const scalar = (value) => (value === undefined || value === null ? null : typeof value === "object" ? {} : value);

const attributes = (changed) =>
  Object.fromEntries(
    Object.entries(changed.attrs).map(([path, { oldValue, newValue }]) => [path, [scalar(oldValue), scalar(newValue)]])
  );

async function answer({ old, new: now }) {
  try {
    const found = diff(await definitions(old), await definitions(now));
    const changed = Object.entries(found._changed).map(([id, change]) => [id, attributes(change)]);
    return {
      added: types(found._added),
      removed: types(found._removed),
      changed: Object.fromEntries(changed),
      layout: Object.keys(found._layoutChanged),
    };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
