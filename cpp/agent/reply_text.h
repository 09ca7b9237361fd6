// What a reply's text should not hold: thoughts, and marks of the model's chat template.
#pragma once

#include <string>

#include "agent/repair.h"
#include "llm/provider.h"

namespace memgpt {

// Marks such as <|im_end|> at the ends of `text` are taken off; those inside of it stay. Of a
// `spoken` text one behind a blank or a quotation mark stays too: the text may speak of it.
void strip_special_tokens(std::string& text, Repairs& repairs, bool spoken = false);

// <think>...</think> at the beginning of the content goes to the thinking, also without its first
// tag, which many chat templates write themselves, where the last one begins a line and ends it.
void move_thoughts(Reply& reply, Repairs& repairs);

// As paragraphs of the thinking that is there.
void add_thinking(Reply& reply, std::string_view thoughts);

}  // namespace memgpt
