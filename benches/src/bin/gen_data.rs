//! Makes the sample data: `gen_data [--scale S] [--out DIR] [--seed N]`.

use dask_benches::arguments;
use dask_benches::data::{Options, make};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options { folder: "target/data".into(), scale: 1.0, seed: 42 };
    arguments::read::<Box<dyn std::error::Error>>("--scale, --out, --seed", &[], |name, value| {
        match name {
            "--scale" => options.scale = value.parse()?,
            "--out" => options.folder = value.into(),
            "--seed" => options.seed = value.parse()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let made = make(&options)?;
    println!("{} {}", if made { "made" } else { "there already:" }, options.folder.display());
    Ok(())
}
