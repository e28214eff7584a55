"""What the parity tests share: random parameters everywhere, and what each layer hands on."""

import torch


def scramble(model, std: float = 0.5, ones: str = "no name holds this"):
    """All parameters random, norms and biases too, in float64: nothing is invisible because it is 0 or 1.

    Those whose name holds `ones` lie around 1, so that numbers neither explode nor vanish in many norms.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * std + (ones in name))
    return model.double().eval()


def handed_on(parts, run) -> list:
    """What each of the parts returns while `run()` runs."""
    states: list = []
    hooks = [part.register_forward_hook(lambda module, args, out: states.append(out)) for part in parts]
    run()
    for hook in hooks:
        hook.remove()
    return states


class Uncached:
    """An encoder-decoder as a step that reads everything anew for each token."""

    def __init__(self, model, ids, mask):
        self.model, self.ids, self.mask, self.so_far = model, ids, mask, None

    def __call__(self, new):
        self.so_far = new if self.so_far is None else torch.cat([self.so_far, new], 1)
        return self.model(self.ids, self.so_far, self.mask)[:, -1]

    def reorder(self, rows):
        self.ids, self.mask, self.so_far = self.ids[rows], self.mask[rows], self.so_far[rows]
