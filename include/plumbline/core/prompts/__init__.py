"""
Prompts are files: versioned, approved, frozen by hash, and strict about what goes in.

    prompt = load_prompt("verify_model")
    messages = prompt.render(text="The harbour has seven berths.")

A prompt lies in `include/prompts/<verb_object>/vN.md`, its answer schema beside it.  What has been released never
changes, so that a call in the ledger names the very words that were sent: change means the next number.
"""

from plumbline.core.prompts.files import PromptUnusable, Variable
from plumbline.core.prompts.loading import Prompt, PromptUnknown, load_prompt, prompt_names, versions
from plumbline.core.prompts.releases import PROMPTS, PromptEdited, freeze
from plumbline.core.prompts.rendering import VariableRefused
from plumbline.core.prompts.strictness import strict_problems

__all__ = [
    "PROMPTS",
    "Prompt",
    "PromptEdited",
    "PromptUnknown",
    "PromptUnusable",
    "Variable",
    "VariableRefused",
    "freeze",
    "load_prompt",
    "prompt_names",
    "strict_problems",
    "versions",
]
