//! Sign descent on table rows: takes the gradients of the rows a batch looked up, changes those rows alone; remembers
//! nothing.

use tch::{Device, Kind, TchError, Tensor};

/// Moves the rows `ids` of `table` `[rows, width]` in place: gradients of equal ids are summed, then
/// `row ← row · (1 - lr · weight_decay) - lr · sign(sum)`. Rows that nobody looked up stay as they are.
///
/// `ids`: int64 of any shape `[..]`; `gradients`: `[.., width]`.
/// Source: `CastedSparseEmbeddingSignSGD_Distributed` in `models/sparse_embedding.py` of TinyRecursiveModels.
pub fn update_rows(
    table: &mut Tensor,
    ids: &Tensor,
    gradients: &Tensor,
    lr: f64,
    weight_decay: f64,
) -> Result<(), TchError> {
    let width = table.size().last().copied().unwrap_or(1);
    let (rows, places, _) = ids.f_flatten(0, -1)?.f_internal_unique2(true, true, false)?;
    let mut sum = Tensor::f_zeros([rows.numel() as i64, width], (Kind::Float, table.device()))?;
    let gradients = gradients.f_reshape([-1, width])?.f_to_kind(Kind::Float)?;
    // Of the two ways to add rows up, each is the one whose order of additions is fixed on its device.
    let _ = match table.device() {
        Device::Cpu => sum.f_index_add_(0, &places, &gradients)?,
        _ => sum.f_index_put_(&[Some(places)], &gradients, true)?,
    };
    let step = sum.f_sign()?.f_mul_scalar_(lr)?.f_to_kind(table.kind())?;
    let moved = table.f_index_select(0, &rows)?.f_mul_scalar_(1.0 - lr * weight_decay)?.f_sub_(&step)?;
    let _ = table.f_index_copy_(0, &rows, &moved)?;
    Ok(())
}
